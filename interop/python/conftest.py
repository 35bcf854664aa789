"""Fixtures: a relay of its own for each test, and clients that end with the test."""

import asyncio

import pytest
from doors import DOORS
from support import Raw, Relay, join, within


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


@pytest.fixture
async def enter():
    """Opens a client at a door."""
    clients = []

    async def enter(door, relay, token=""):
        client = DOORS[door](relay, token)
        await client.open()
        clients.append(client)
        return client

    yield enter
    for client in clients:
        await client.close()


@pytest.fixture
async def certificate(tmp_path):
    """Paths of a certificate for 127.0.0.1 and of its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    openssl = await asyncio.create_subprocess_exec(
        *"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(),
        *"-subj /CN=relay -addext subjectAltName=IP:127.0.0.1 -days 2".split(),
        *["-keyout", str(key), "-out", str(cert)],
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await within("a certificate", openssl.wait()) == 0
    return str(cert), str(key)
