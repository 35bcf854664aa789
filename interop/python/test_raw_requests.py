"""Requests and their answers, frame by frame."""

import pytest
import wire
from support import Raw

SNAPSHOT_PARAMS = 20_000
WRITERS = 4


async def test_a_set_is_acknowledged_only_if_its_frame_asks(raw_of):
    raw = await raw_of()
    for qos in (wire.FIRE, wire.CONFIRM, wire.FIRE, wire.COMMIT):
        await raw.send(wire.set_param("/room/light", 1), qos)

    acks = await raw.settle()

    assert [(a["type"], a["address"], a["revision"]) for a in acks] == [
        ("ACK", "/room/light", 2),
        ("ACK", "/room/light", 4),
    ]


async def test_a_bundle_is_acknowledged_only_if_its_frame_asks(raw_of):
    raw = await raw_of()
    parts = [wire.set_param("/b/one", 1), wire.set_param("/b/two", 2), wire.publish("/b/go", 3)]
    for qos in (wire.FIRE, wire.COMMIT):
        await raw.send(wire.bundle(parts), qos)

    (ack,) = await raw.settle()

    assert (ack["type"], ack["address"], ack["revision"]) == ("ACK", None, 2)


async def test_an_announcement_is_acknowledged_only_if_its_frame_asks(raw_of):
    raw = await raw_of()
    for qos in (wire.FIRE, wire.CONFIRM):
        await raw.send(wire.announce("/desk", "/desk/go"), qos)

    (ack,) = await raw.settle()

    assert (ack["type"], ack["address"]) == ("ACK", "/desk")


async def test_the_echo_of_a_set_comes_before_its_ack(raw_of):
    raw = await raw_of()
    await raw.send(wire.subscribe(1, "/room/*"))
    await raw.send(wire.set_param("/room/light", 1), wire.CONFIRM)

    echo, ack = await raw.settle()

    assert (echo["type"], echo["revision"], echo["qos"]) == ("SET", 1, wire.CONFIRM)
    assert (ack["type"], ack["revision"]) == ("ACK", 1)


@pytest.mark.parametrize("payload", [
    wire.subscribe(1, "/nothing/**"),
    wire.unsubscribe(77),
    wire.publish("/cue/go", 1),
])
async def test_what_is_not_acknowledged_at_any_qos(raw_of, payload):
    raw = await raw_of()
    for qos in (wire.FIRE, wire.CONFIRM, wire.COMMIT):
        await raw.send(payload, qos)

    assert await raw.settle() == []


async def test_every_subscribe_brings_a_snapshot_of_what_matches(raw_of):
    raw = await raw_of()
    await raw.send(wire.set_param("/room/light", 1))
    await raw.send(wire.set_param("/hall/light", 2))
    for _ in range(2):
        await raw.send(wire.subscribe(1, "/room/**"))

    snapshots = await raw.settle()

    assert [s["type"] for s in snapshots] == ["SNAPSHOT", "SNAPSHOT"]
    for snapshot in snapshots:
        assert [p["address"] for p in snapshot["params"]] == ["/room/light"]


async def test_overlapping_subscriptions_bring_one_frame(raw_of):
    raw = await raw_of()
    for number, pattern in enumerate(["/room/light", "/room/*", "/room/**"]):
        await raw.send(wire.subscribe(number, pattern))
    await raw.send(wire.set_param("/room/light", 1))

    assert [message["type"] for message in await raw.settle()] == ["SET"]


async def test_a_repeated_subscription_id_adds_and_unsubscribe_removes_all_of_it(raw_of):
    raw, writer = await raw_of(), await raw_of()
    for pattern in ("/one/*", "/two/*"):
        await raw.send(wire.subscribe(0, pattern))
    await raw.send(wire.subscribe(5, "/end"))
    await raw.settle()

    async def write():
        for address in ("/one/x", "/two/x", "/end"):
            await writer.send(wire.set_param(address, 1))
        return [(await raw.expect("SET"))["address"]]

    heard = await write() + [(await raw.expect("SET"))["address"] for _ in range(2)]
    await raw.send(wire.unsubscribe(0))
    await raw.settle()
    heard_after = await write()

    assert heard == ["/one/x", "/two/x", "/end"]
    assert heard_after == ["/end"]


async def test_several_frames_in_one_websocket_message_are_all_processed(raw_of):
    raw = await raw_of()
    sets = (wire.set_param(f"/room/{n}", n) for n in range(3))
    await raw.socket.send(b"".join(wire.frame(each, wire.CONFIRM) for each in sets))

    assert [ack["address"] for ack in await raw.settle()] == ["/room/0", "/room/1", "/room/2"]


async def test_a_websocket_message_in_fragments_is_one_frame(raw_of):
    raw = await raw_of()
    whole = wire.frame(wire.set_param("/room/light", 1), wire.CONFIRM)
    await raw.socket.send([whole[:3], whole[3:9], whole[9:]])

    assert [ack["address"] for ack in await raw.settle()] == ["/room/light"]


async def test_text_messages_are_ignored(raw_of):
    raw = await raw_of()
    await raw.socket.send('{"type": "PING"}')

    assert await raw.settle() == []


async def test_messages_meant_for_clients_are_ignored(raw_of):
    raw = await raw_of()
    welcome = bytes([2, 1, 0]) + bytes(8) + wire.text("id") + wire.text("name") + wire.text("")
    for payload in (welcome, b"\x23\x00\x00", b"\x42", b"\x50\x00", b"\x61\x00\x00"):
        await raw.send(payload)

    assert await raw.settle() == []


async def test_small_numbers_are_delivered_in_their_wide_form(raw_of):
    raw = await raw_of()
    await raw.send(wire.subscribe(1, "/n/*"))
    await raw.send(bytes([0x21, 0x02]) + wire.text("/n/i8") + b"\xfe")
    await raw.send(bytes([0x21, 0x06]) + wire.text("/n/f32") + b"\x3f\x00\x00\x00")

    codes = [(await raw.socket.recv())[5] & 0x0F for _ in range(2)]

    assert codes == [0x05, 0x07]


async def test_get_is_answered_by_a_snapshot_of_one(raw_of):
    raw = await raw_of()
    await raw.send(wire.set_param("/room/light", {"on": True}))
    await raw.send(wire.get("/room/light"))

    (snapshot,) = await raw.settle()

    (param,) = snapshot["params"]
    assert (param["address"], param["value"]) == ("/room/light", {"on": True})
    assert param["revision"] == 1


async def test_sync_is_answered_with_two_times_of_the_relay(raw_of):
    raw = await raw_of()
    await raw.send(wire.sync(123))

    sync = await raw.expect("SYNC")

    assert sync["t1"] == 123
    assert 0 < sync["t2"] <= sync["t3"]


async def test_lock_unlock_and_ttl_are_passed_on(raw_of):
    raw = await raw_of()
    await raw.send(wire.subscribe(1, "/l/*"))
    await raw.send(wire.set_param("/l/x", 1, lock=True, ttl=60))
    await raw.send(wire.set_param("/l/x", 2, unlock=True, ttl=wire.ABSOLUTE_TTL | 60))

    first, second = await raw.settle()

    assert (first["lock"], first["unlock"], first["ttl"]) == (True, False, 60)
    assert (second["lock"], second["unlock"]) == (False, True)
    assert second["ttl"] == wire.ABSOLUTE_TTL | 60


async def recover(raw, count):
    """The parameters below /desk out of as many SNAPSHOT frames as it takes."""
    found = {}
    while len(found) < count:
        params = (await raw.expect("SNAPSHOT"))["params"]
        found |= {p["address"]: p["value"] for p in params if p["address"].startswith("/desk/")}
    return found


async def test_a_late_joiner_recovers_twenty_thousand_params(relay, raw_of):
    written = {f"/desk/{n % 100}/channel/{n:05}": n for n in range(SNAPSHOT_PARAMS)}
    writers = [await raw_of() for _ in range(WRITERS)]
    for n, (address, value) in enumerate(written.items()):
        await writers[n % WRITERS].send(wire.set_param(address, value))
    assert [await writer.settle() for writer in writers] == [[]] * WRITERS

    async with Raw(relay) as late:
        await late.send(wire.hello())
        await late.expect("WELCOME")
        assert await recover(late, SNAPSHOT_PARAMS) == written
        await late.send(wire.subscribe(1, "/desk/**"))
        assert await recover(late, SNAPSHOT_PARAMS) == written
