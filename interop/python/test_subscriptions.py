"""Patterns, their reach, and the end of a subscription."""

import pytest
import wire
from support import listen, settle

CASES = {
    "a single star matches one segment only": (
        "/a/*",
        ["/a/b/c", "/a", "/b/a", "/a/b"],
        ["/a/b"],
        "/a/end",
    ),
    "a double star matches any depth": (
        "/a/**",
        ["/a/b", "/b/a", "/a/b/c", "/a/b/c/d"],
        ["/a/b", "/a/b/c", "/a/b/c/d"],
        "/a/end",
    ),
    "a star in the middle matches every room": (
        "/house/*/light",
        ["/house/hall/light", "/house/hall/door", "/house/hall/x/light"],
        ["/house/hall/light"],
        "/house/end/light",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_reach(client_of, case):
    pattern, addresses, wanted, end = CASES[case]
    reader, writer = await client_of(), await client_of()
    inbox = await listen(reader, pattern)

    for address in addresses:
        await writer.set(address, 1)
    await writer.set(end, True)

    assert [address for address, _ in await inbox.until(end)] == wanted


async def test_overlapping_subscriptions_each_hear_a_value_once(client_of):
    reader, writer = await client_of(), await client_of()
    inboxes = [await listen(reader, "/o/*"), await listen(reader, "/o/**")]

    await writer.set("/o/level", 1)
    await writer.set("/o/end", True)

    for inbox in inboxes:
        assert await inbox.until("/o/end") == [("/o/level", 1)]


async def test_nothing_arrives_after_unsubscribe(client_of):
    reader, writer = await client_of(), await client_of()
    ended = await listen(reader, "/u/*")
    kept = await listen(reader, "/u/end")
    ended.unsubscribe()
    await settle(reader)

    await writer.set("/u/level", 1)
    await writer.set("/u/end", True)

    assert await kept.next() == ("/u/end", True)
    assert ended.pending() == []


async def test_query_signals_resolves_with_what_was_announced(client_of, raw_of):
    raw = await raw_of()
    await raw.send(wire.announce("/desk", "/desk/go"), wire.CONFIRM)
    assert (await raw.expect("ACK"))["address"] == "/desk"
    client = await client_of()

    (signal,) = await client.query_signals("/desk/**")

    assert signal["address"] == "/desk/go"
    assert await client.query_signals("/nobody/**") == []
