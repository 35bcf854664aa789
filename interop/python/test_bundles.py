"""Bundles: whole, in order, on time, or not at all."""

import wire
from support import listen

AHEAD_US = 500_000


async def test_all_parts_of_a_bundle_arrive_in_order(client_of):
    reader, writer = await client_of(), await client_of()
    inbox = await listen(reader, "/b/*")

    await writer.bundle([{"set": ("/b/one", 1)}, {"emit": ("/b/two", 2)}, {"set": ("/b/three", 3)}])

    assert [await inbox.next() for _ in range(3)] == [
        ("/b/one", 1),
        ("/b/two", 2),
        ("/b/three", 3),
    ]


async def test_a_bundle_of_a_hundred_parts_arrives_whole(client_of):
    reader, writer = await client_of(), await client_of()
    inbox = await listen(reader, "/b/*")
    parts = [(f"/b/{n}", n) for n in range(100)]

    await writer.bundle([{"set": part} for part in parts])

    assert [await inbox.next() for _ in parts] == parts


async def test_a_client_hears_others_after_its_own_bundle(client_of):
    client, other = await client_of(), await client_of()
    inbox = await listen(client, "/b/*")
    await client.bundle([{"set": ("/b/own", 1)}])
    assert await inbox.next() == ("/b/own", 1)

    await other.set("/b/other", 2)

    assert await inbox.next() == ("/b/other", 2)


async def test_a_scheduled_bundle_waits_for_its_time(client_of):
    reader, writer = await client_of(), await client_of()
    inbox = await listen(reader, "/b/*")

    at = writer.time() + AHEAD_US
    await writer.bundle([{"set": ("/b/one", 1)}, {"set": ("/b/two", 2)}], at=at)
    await writer.emit("/b/marker", True)

    assert await inbox.next() == ("/b/marker", True)
    assert await inbox.next() == ("/b/one", 1)
    assert await inbox.next() == ("/b/two", 2)


async def test_a_bundle_with_a_locked_part_applies_nothing(client_of, raw_of):
    reader, writer, holder = await client_of(), await client_of(), await raw_of()
    inbox = await listen(reader, "/b/*")
    await holder.send(wire.set_param("/b/locked", 0, lock=True))
    assert await inbox.next() == ("/b/locked", 0)

    parts = [{"set": ("/b/before", 1)}, {"set": ("/b/locked", 2)}, {"emit": ("/b/after", 3)}]
    await writer.bundle(parts)
    await writer.emit("/b/marker", True)

    assert await inbox.until("/b/marker") == []
