"""Bytes that no client means to send: they hurt nobody but their sender."""

import asyncio
import random
import struct

import pytest
import wire
from support import Raw, within
from websockets.exceptions import ConnectionClosed

DEPTH = 10_000
ROUND_TRIPS = 100
NOISE_BYTES_MAX = 2_000
NOISY_CONNECTIONS_MAX = 30
SEED = 7


def nested_arrays(depth):
    return bytes([0x21, 0x0A]) + wire.text("/x") + b"\x00\x01\x0a" * depth + b"\x00\x00"


def nested_bundles(depth):
    payload = wire.PING
    for _ in range(depth):
        payload = wire.bundle([payload])
    return payload


async def serves(raw):
    """One round trip through store and answer."""
    await raw.send(wire.set_param("/alive", 1), wire.CONFIRM)
    while (message := await raw.receive())["type"] == "ERROR":
        assert message["code"] in (100, 101), message
    assert message["type"] == "ACK", message


@pytest.mark.parametrize("garbage", [
    b"",
    b"\x00",
    b"S",
    b"not a frame at all",
    b"\x54" + wire.frame(wire.PING)[1:],
    wire.frame(b""),
    wire.frame(b"\xee"),
    struct.pack(">BBH", 0x53, 1, 500) + wire.PING,
    wire.frame(b"\x21\x08\x00\x02/x\x00\x02\xff\xfe"),
    wire.frame(b"\x21\x0f" + wire.text("/x")),
    wire.frame(b"\x30\x00\x00\x05"),
    wire.frame(b"\x81\xa4type"),
], ids=lambda garbage: garbage.hex() or "empty")
async def test_garbage_after_the_handshake_does_not_end_the_session(raw_of, garbage):
    raw = await raw_of()

    await raw.socket.send(garbage)

    await serves(raw)


@pytest.mark.parametrize("code", [
    0x01, 0x03, 0x10, 0x11, 0x20, 0x21, 0x22, 0x23, 0x24, 0x30, 0x40, 0x60,
], ids=hex)
async def test_a_message_that_is_its_type_byte_only_does_not_end_the_session(raw_of, code):
    raw = await raw_of()

    await raw.send(bytes([code]))

    await serves(raw)


async def test_an_address_that_starts_with_a_wide_character_does_not_end_the_session(raw_of):
    raw = await raw_of()

    await raw.send(wire.set_param("é/x", 1))

    assert (await raw.expect("ERROR"))["code"] == 200
    await serves(raw)


@pytest.mark.parametrize("bomb", [nested_arrays(DEPTH), nested_bundles(DEPTH)])
async def test_deep_nesting_before_hello_disturbs_nobody(relay, raw_of, bomb):
    other = await raw_of()

    async with Raw(relay) as raw:
        await raw.send(bomb)
        frames, _ = await raw.closing()

    assert frames == []
    await serves(other)
    assert relay.alive()


@pytest.mark.parametrize("bomb", [nested_arrays(DEPTH), nested_bundles(DEPTH)])
async def test_deep_nesting_after_hello_does_not_end_the_session(relay, raw_of, bomb):
    raw = await raw_of()

    await raw.send(bomb)

    await serves(raw)
    assert relay.alive()


async def test_a_message_larger_than_a_frame_closes_with_1009(relay, raw_of):
    raw, other = await raw_of(), await raw_of()

    await raw.socket.send(bytes(100_000))

    assert (await raw.closing())[1] == 1009
    await serves(other)


async def test_noise_at_line_rate_does_not_disturb_another_session(relay, raw_of):
    quiet = await raw_of()
    started = asyncio.Event()

    async def noise():
        source = random.Random(SEED)
        for _ in range(NOISY_CONNECTIONS_MAX):
            async with Raw(relay) as raw:
                await raw.join()
                started.set()
                try:
                    while True:
                        await raw.socket.send(source.randbytes(source.randrange(NOISE_BYTES_MAX)))
                        await asyncio.sleep(0)
                except ConnectionClosed:
                    continue

    noisy = asyncio.create_task(noise())
    await within("the first noise", started.wait())
    for value in range(ROUND_TRIPS):
        await quiet.send(wire.set_param("/room/light", value), wire.CONFIRM)
        await quiet.expect("ACK")
        await quiet.send(wire.get("/room/light"))
        assert (await quiet.expect("SNAPSHOT"))["params"][0]["value"] == value
    noisy.cancel()
    await asyncio.wait([noisy])
    assert relay.alive()
