"""What the relay refuses, it refuses aloud, and the connection lives on."""

import asyncio

import pytest
from support import listen, within

POLL_S = 0.01


async def test_get_of_a_missing_address_is_answered_before_the_client_gives_up(client_of, capsys):
    client = await client_of()
    get = asyncio.create_task(client.get("/no/such/param"))

    # The client prints an ERROR and has no other way to tell.
    printed = ""
    while "201" not in printed and not get.done():
        await asyncio.sleep(POLL_S)
        printed += capsys.readouterr().out

    assert not get.done(), "no ERROR came before the time-out of the client"
    get.cancel()


async def test_a_value_of_70_kb_is_refused_and_the_connection_lives_on(client_of):
    reader, client = await client_of(), await client_of()
    inbox = await listen(reader, "/big/*")

    with pytest.raises(Exception, match=r".+"):
        await client.set("/big/value", "x" * 70_000)
    await client.set("/big/end", True)

    assert await inbox.until("/big/end") == []


async def test_a_value_of_60_kb_reaches_subscribers_and_late_joiners(client_of):
    reader, writer = await client_of(), await client_of()
    inbox = await listen(reader, "/big/*")
    value = bytes(range(250)) * 240

    await writer.set("/big/value", value)

    assert await inbox.next() == ("/big/value", value)
    late = await client_of()
    assert await within("the large value", late.get("/big/value")) == value
