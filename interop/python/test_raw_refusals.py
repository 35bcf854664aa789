"""What the relay refuses, with which code, and that the session lives on."""

import pytest
import wire
from support import Raw

SEGMENTS_FAR_TOO_MANY = 32_000
VALUE_TOO_LARGE = bytes(65_500)


async def refusal(raw, payload, qos=wire.CONFIRM):
    """Code and address of the one ERROR that a request is answered with."""
    await raw.send(payload, qos)
    (error,) = await raw.settle()
    assert error["type"] == "ERROR", error
    assert error["message"], error
    return error["code"], error["address"]


@pytest.mark.parametrize("address", ["", "noslash", "//", "/a//b", "//a", "/a\0b"])
@pytest.mark.parametrize("request_of", [
    lambda address: wire.set_param(address, 1),
    lambda address: wire.publish(address, 1),
    wire.get,
], ids=["SET", "PUBLISH", "GET"])
async def test_bad_addresses_are_refused_with_200(raw_of, request_of, address):
    assert (await refusal(await raw_of(), request_of(address)))[0] == 200


@pytest.mark.parametrize("pattern", ["", "noslash", "**", "/a//b", "/**/a/**/b/**/c/**/d/**"])
async def test_bad_patterns_are_refused_with_202(raw_of, pattern):
    assert await refusal(await raw_of(), wire.subscribe(1, pattern)) == (202, pattern)


async def test_a_pattern_of_32_000_segments_is_refused_with_202(raw_of):
    pattern = "/a" * SEGMENTS_FAR_TOO_MANY

    assert (await refusal(await raw_of(), wire.subscribe(1, pattern)))[0] == 202


async def test_get_of_a_missing_address_is_refused_with_201(raw_of):
    assert await refusal(await raw_of(), wire.get("/no/such")) == (201, "/no/such")


async def test_refusals_are_told_at_every_qos(raw_of):
    raw = await raw_of()

    for qos in (wire.FIRE, wire.CONFIRM, wire.COMMIT):
        assert (await refusal(raw, wire.set_param("noslash", 1), qos))[0] == 200


@pytest.mark.parametrize("flags", [{}, {"lock": True}, {"unlock": True}])
async def test_a_lock_of_another_session_refuses_with_401(raw_of, flags):
    holder, other = await raw_of(), await raw_of()
    await holder.send(wire.set_param("/l/x", 1, lock=True), wire.CONFIRM)
    await holder.expect("ACK")

    assert await refusal(other, wire.set_param("/l/x", 2, **flags)) == (401, "/l/x")

    await other.send(wire.get("/l/x"))
    assert (await other.expect("SNAPSHOT"))["params"][0]["value"] == 1


async def test_a_lock_goes_with_its_connection(raw_of):
    holder, other = await raw_of(), await raw_of()
    await holder.send(wire.set_param("/l/x", 1, lock=True), wire.CONFIRM)
    await holder.expect("ACK")
    await holder.socket.close()

    await other.send(wire.set_param("/l/x", 2), wire.CONFIRM)

    assert (await other.expect("ACK"))["address"] == "/l/x"


async def test_an_outdated_revision_is_refused_with_400(raw_of):
    raw = await raw_of()
    for value in (1, 2):
        await raw.send(wire.set_param("/r/x", value))

    assert await refusal(raw, wire.set_param("/r/x", 3, revision=1)) == (400, "/r/x")

    await raw.send(wire.set_param("/r/x", 3, revision=2), wire.CONFIRM)
    assert (await raw.expect("ACK"))["revision"] == 3


async def test_a_revision_of_a_missing_param_is_refused_unless_zero(raw_of):
    raw = await raw_of()

    assert await refusal(raw, wire.set_param("/r/x", 1, revision=7)) == (400, "/r/x")

    await raw.send(wire.set_param("/r/x", 1, revision=0), wire.CONFIRM)
    assert (await raw.expect("ACK"))["revision"] == 1
    assert await refusal(raw, wire.set_param("/r/x", 2, revision=0)) == (400, "/r/x")


async def test_a_value_too_large_to_be_snapshotted_is_refused_with_402(raw_of):
    raw = await raw_of()

    assert await refusal(raw, wire.set_param("/big", VALUE_TOO_LARGE)) == (402, "/big")


async def test_a_bundle_is_refused_whole_with_the_code_of_its_bad_part(raw_of):
    holder, other = await raw_of(), await raw_of()
    await holder.send(wire.subscribe(1, "/b/*"))
    await holder.send(wire.set_param("/b/locked", 0, lock=True))
    await holder.settle()
    parts = [wire.set_param("/b/one", 1), wire.publish("/b/go", 2), wire.set_param("/b/locked", 3)]

    assert await refusal(other, wire.bundle(parts), wire.COMMIT) == (401, "/b/locked")

    assert await holder.settle() == []


async def test_only_set_and_publish_belong_in_a_bundle(raw_of):
    raw = await raw_of()
    one = wire.set_param("/b/one", 1)

    for stranger in (wire.get("/b/one"), wire.bundle([one]), wire.subscribe(1, "/b/*")):
        assert (await refusal(raw, wire.bundle([one, stranger]), wire.COMMIT))[0] == 101

    assert await refusal(raw, wire.get("/b/one")) == (201, "/b/one")


async def test_a_signal_to_an_unknown_session_is_refused_with_404(raw_of):
    raw = await raw_of()
    address = "/clasp/p2p/signal/00000000-0000-4000-8000-000000000000"

    assert await refusal(raw, wire.publish(address, {"type": "offer"})) == (404, address)


async def test_a_signal_reaches_its_session_unless_its_sender_is_forged(relay, raw_of):
    sender = await raw_of()
    async with Raw(relay) as target:
        welcome, _ = await target.join()
        address = f"/clasp/p2p/signal/{welcome['session']}"
        forged = {"type": "offer", "from": welcome["session"]}

        code = (await refusal(sender, wire.publish(address, forged)))[0]
        await sender.send(wire.publish(address, {"type": "offer"}))

        assert code == 301
        assert (await target.expect("PUBLISH"))["value"] == {"type": "offer"}
