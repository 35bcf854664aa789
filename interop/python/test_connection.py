"""Connecting, and coming back after a restart of the relay."""

import asyncio
import uuid

from support import Relay, join, listen, within

MICROSECONDS_IN_2020 = 1_577_836_800_000_000


async def test_welcome_carries_a_uuid_as_session_id(client_of):
    client = await client_of()

    assert client.connected
    assert str(uuid.UUID(client.session_id)) == client.session_id


async def test_two_clients_have_different_sessions(client_of):
    assert (await client_of()).session_id != (await client_of()).session_id


async def test_the_client_clock_follows_the_relay(client_of):
    assert (await client_of()).time() > MICROSECONDS_IN_2020


async def test_sigterm_ends_the_relay_with_success_while_clients_are_connected(relay, client_of):
    await client_of()

    assert await relay.stop() == 0


async def test_a_client_reconnects_after_a_restart(relay, client_of):
    client = await client_of(reconnect=True, reconnect_interval=2.0)
    before = client.session_id
    reconnected = asyncio.Event()
    client.on_connect(reconnected.set)

    await relay.stop()
    restarted = await Relay.start(relay.port)
    try:
        await within("the reconnection", reconnected.wait())
        assert client.connected
        assert client.session_id != before
        other = await join(restarted)
        inbox = await listen(other, "/room/*")
        await client.set("/room/light", 2)
        assert await inbox.next() == ("/room/light", 2)
        await client.close()
        await other.close()
    finally:
        await restarted.kill()
