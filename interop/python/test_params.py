"""Parameters: round trips of every value type, snapshots, time to live."""

import asyncio
import math

import pytest
from support import join, listen, within

POLL_S = 0.1

# One value of each type, with the cases that codecs confuse.
VALUES = {
    "int": -42,
    "int_max": 2**63 - 1,
    "float": 0.25,
    "whole_float": 7.0,
    "string": "Grüße, 世界",
    "empty_string": "",
    "true": True,
    "false": False,
    "null": None,
    "bytes": b"\x00\x01\xffS",
    "array": [1, "two", None],
    "map": {"name": "lamp", "levels": [1, 0.5]},
}


def typed(value):
    """The value with its type, since 7 == 7.0 and 1 == True."""
    return type(value), value


@pytest.mark.parametrize("name", VALUES)
async def test_every_value_type_survives_set_and_get(client_of, name):
    writer, reader = await client_of(), await client_of()
    echo = await listen(writer, "/types/*")
    await writer.set(f"/types/{name}", VALUES[name])
    await echo.next()

    got = await within("the value", reader.get(f"/types/{name}"))

    assert typed(got) == typed(VALUES[name])


async def test_every_value_type_reaches_a_subscriber(client_of):
    writer, reader = await client_of(), await client_of()
    inbox = await listen(reader, "/types/*")

    for name, value in VALUES.items():
        await writer.set(f"/types/{name}", value)

    for name, value in VALUES.items():
        address, got = await inbox.next()
        assert (address, typed(got)) == (f"/types/{name}", typed(value))


async def test_floats_without_a_number_survive(client_of):
    writer, reader = await client_of(), await client_of()
    inbox = await listen(reader, "/types/*")

    await writer.set("/types/inf", -math.inf)
    await writer.set("/types/nan", math.nan)

    assert await inbox.next() == ("/types/inf", -math.inf)
    assert math.isnan((await inbox.next())[1])


async def test_a_value_outlives_the_client_that_set_it(relay, client_of):
    leaving = await join(relay)
    echo = await listen(leaving, "/left/*")
    await leaving.set("/left/behind", "still here")
    await echo.next()
    await leaving.close()

    late = await client_of()

    assert late.cached("/left/behind") == "still here"
    assert await within("the value", late.get("/left/behind")) == "still here"


async def test_a_late_joiner_gets_the_latest_value_only(client_of):
    writer = await client_of()
    echo = await listen(writer, "/late/end")
    for level in range(1, 6):
        await writer.set("/late/level", level)
    await writer.set("/late/end", True)
    await echo.next()

    inbox = await listen(await client_of(), "/late/level")

    assert inbox.pending() == [("/late/level", 5)]


async def test_the_writer_hears_its_own_sets(client_of):
    client = await client_of()
    inbox = await listen(client, "/own/*")

    for level in (1, 2, 3):
        await client.set("/own/level", level)
        assert await inbox.next() == ("/own/level", level)


async def test_a_client_hears_others_after_its_own_first_set(client_of):
    client, other = await client_of(), await client_of()
    inbox = await listen(client, "/room/*")
    await client.set("/room/own", 1)
    assert await inbox.next() == ("/room/own", 1)

    await other.set("/room/other", 2)

    assert await inbox.next() == ("/room/other", 2)


async def test_a_value_with_an_absolute_ttl_is_gone_after_it(client_of):
    writer, reader = await client_of(), await client_of()
    inbox = await listen(reader, "/ttl/*")
    await writer.set("/ttl/short", 1, ttl=1, absolute=True)
    await writer.set("/ttl/long", 2, ttl=0)
    assert [await inbox.next(), await inbox.next()] == [("/ttl/short", 1), ("/ttl/long", 2)]

    async def expire():
        while (await listen(reader, "/ttl/short")).pending():
            await asyncio.sleep(POLL_S)

    await within("the end of a TTL of 1 s", expire())
    assert (await listen(reader, "/ttl/long")).pending() == [("/ttl/long", 2)]


async def test_a_value_with_a_sliding_ttl_is_gone_after_it(relay, client_of):
    writer, reader = await client_of(), await client_of()
    inbox = await listen(reader, "/ttl/*")
    await writer.set("/ttl/short", 1, ttl=1)
    assert await inbox.next() == ("/ttl/short", 1)

    # Reads keep a sliding value alive, so it is looked for in the snapshots of late joiners.
    async def expire():
        while await initial_value(relay, "/ttl/short") is not None:
            await asyncio.sleep(POLL_S)

    await within("the end of a TTL of 1 s", expire())


async def initial_value(relay, address):
    late = await join(relay)
    value = late.cached(address)
    await late.close()
    return value
