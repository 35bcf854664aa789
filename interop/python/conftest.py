"""Fixtures: a relay of its own for each test, and clients that end with the test."""

import pytest
from support import Raw, Relay, join


@pytest.fixture
async def relay():
    relay = await Relay.start()
    yield relay
    await relay.kill()


@pytest.fixture
async def client_of(relay):
    """Makes published clients of the relay."""
    clients = []

    async def make(**options):
        clients.append(await join(relay, **options))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def raw_of(relay):
    """Makes raw sessions with the relay, past HELLO and the initial snapshot."""
    opened = []

    async def make():
        raw = await Raw(relay).__aenter__()
        opened.append(raw)
        await raw.join()
        return raw

    yield make
    for raw in opened:
        await raw.socket.close()
