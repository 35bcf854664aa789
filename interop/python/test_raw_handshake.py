"""The handshake, frame by frame."""

import asyncio
import uuid

import pytest
import wire
from support import HOST, Raw, Relay, within

MICROSECONDS_IN_2020 = 1_577_836_800_000_000

# Key and answer are the example of RFC 6455.
UPGRADE = (
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


async def test_welcome_comes_first_and_then_a_snapshot_even_of_an_empty_store():
    relay = await Relay.start_empty()
    try:
        async with Raw(relay) as raw:
            await raw.send(wire.hello())
            welcome = await raw.expect("WELCOME")
            snapshot = await raw.expect("SNAPSHOT")
            assert await raw.settle() == []
    finally:
        await relay.kill()

    assert (welcome["version"], welcome["token"]) == (1, "")
    assert str(uuid.UUID(welcome["session"])) == welcome["session"]
    assert MICROSECONDS_IN_2020 < welcome["time"] < 2**53
    assert snapshot["params"] == []


async def test_the_initial_snapshot_carries_writer_revision_and_time(relay, raw_of):
    writer = await raw_of()
    for value in (1, 2):
        await writer.send(wire.set_param("/room/light", value), wire.CONFIRM)
        await writer.expect("ACK")

    async with Raw(relay) as raw:
        _, params = await raw.join()

    (light,) = [param for param in params if param["address"] == "/room/light"]
    assert (light["value"], light["revision"]) == (2, 2)
    assert uuid.UUID(light["writer"])
    assert light["timestamp"] > MICROSECONDS_IN_2020


@pytest.mark.parametrize("offered", [["clasp"], ["other", "clasp"]])
async def test_the_subprotocol_is_echoed(relay, offered):
    async with Raw(relay, subprotocols=offered) as raw:
        await raw.join()
        assert raw.socket.subprotocol == "clasp"


async def test_a_client_that_offers_no_subprotocol_is_served(relay):
    async with Raw(relay, subprotocols=None) as raw:
        await raw.join()
        assert raw.socket.subprotocol is None


async def test_a_client_that_offers_the_legacy_subprotocol_is_served(relay):
    async with Raw(relay, subprotocols=["clasp.v2"]) as raw:
        await raw.join()
        assert raw.socket.subprotocol in (None, "clasp.v2")


@pytest.mark.parametrize("path", ["/clasp", "/any/path?with=query"])
async def test_the_path_does_not_matter(relay, path):
    async with Raw(relay, path=path) as raw:
        await raw.join()


@pytest.mark.parametrize("version", [1, 2, 99])
async def test_the_version_of_hello_does_not_matter(relay, version):
    async with Raw(relay) as raw:
        await raw.send(wire.hello(version=version))
        assert (await raw.expect("WELCOME"))["version"] == 1


async def test_a_name_of_ten_thousand_bytes_is_accepted(relay):
    async with Raw(relay) as raw:
        await raw.send(wire.hello(name="n" * 10_000))
        await raw.expect("WELCOME")


async def test_a_second_hello_is_refused_and_the_session_stays(raw_of):
    raw, other = await raw_of(), await raw_of()
    await raw.send(wire.subscribe(1, "/room/*"))
    await raw.send(wire.hello())
    (error,) = await raw.settle()

    await other.send(wire.set_param("/room/light", 1))

    assert (error["type"], error["code"]) == ("ERROR", 101)
    assert (await raw.expect("SET"))["value"] == 1


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"S", b"garbage", wire.frame(b"\xff\xff")])
async def test_garbage_before_hello_is_answered_by_nothing_but_a_close(relay, garbage):
    async with Raw(relay) as raw:
        await raw.socket.send(garbage)
        frames, _ = await raw.closing()

    assert frames == []


async def test_another_first_message_is_neither_processed_nor_acknowledged(relay, raw_of):
    async with Raw(relay) as raw:
        await raw.send(wire.set_param("/room/light", 1), wire.CONFIRM)
        frames, _ = await raw.closing()

    assert [wire.decode(frame)["type"] for frame in frames] in ([], ["ERROR"])
    other = await raw_of()
    await other.send(wire.get("/room/light"))
    assert (await other.expect("ERROR"))["code"] == 201


async def test_text_before_hello_is_ignored(relay):
    async with Raw(relay) as raw:
        await raw.socket.send('{"type": "HELLO"}')
        await raw.join()


async def test_a_plain_http_request_is_answered_with_ok(relay):
    reader, writer = await asyncio.open_connection(HOST, relay.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")
    answer = await within("the answer", reader.read())
    writer.close()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"ok\n"


async def test_a_connection_that_says_nothing_keeps_nobody_out(relay, raw_of):
    _, silent = await asyncio.open_connection(HOST, relay.port)
    await raw_of()
    silent.close()


async def test_sigterm_closes_every_session_with_going_away(relay, raw_of):
    sessions = [await raw_of() for _ in range(3)]

    relay.process.terminate()

    for raw in sessions:
        assert await raw.closing() == ([], 1001)
    assert await within("the exit of the relay", relay.process.wait()) == 0


@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade", "upgrade"])
async def test_the_upgrade_is_confirmed_in_the_one_form_that_every_client_reads(relay, connection):
    reader, writer = await asyncio.open_connection(HOST, relay.port)
    request = f"GET / HTTP/1.1\r\nHost: relay\r\nConnection: {connection}\r\n{UPGRADE}\r\n"
    writer.write(request.encode())
    answer = await within("the answer", reader.readuntil(b"\r\n\r\n"))
    writer.close()

    status, *headers = answer.decode().lower().split("\r\n")
    assert status.startswith("http/1.1 101 ")
    assert "connection: upgrade" in headers
    assert "sec-websocket-accept: " + ACCEPT.lower() in headers
