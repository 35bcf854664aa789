"""One address space behind every door: what goes in by one comes out of the others as it was."""

import json
import math

import pytest
from doors import DOORS, Refused
from support import Relay, within

VALUES = {
    "bool": True,
    "int": -42,
    "large int": 9_007_199_254_740_993,
    "float": 0.5,
    "whole float": 2.0,
    "text": "Grüße",
    "bytes": b"\x00\xff\x10",
    "list": [1, 2.5, "three", False],
    "map": {"r": 255, "name": "red"},
}

OPTIONS = (
    *("--tcp-port", "0", "--quic-port", "0", "--mqtt-port", "0", "--osc-port", "0"),
    # One address space as a whole.
    *("--mqtt-namespace", "", "--osc-namespace", ""),
)


@pytest.fixture
async def relay(certificate):
    cert, key = certificate
    relay = await Relay.start(0, *OPTIONS, "--cert", cert, "--key", key)
    relay.certificate = cert
    yield relay
    await relay.kill()


@pytest.fixture
async def guarded(tmp_path, certificate):
    """A relay with tokens that allow /open and nothing else."""
    token = "cpsk_0123456789abcdef0123456789abcdef"
    tokens = tmp_path / "tokens.json"
    tokens.touch(mode=0o600)
    scopes = ["read:/open/**", "write:/open/**"]
    tokens.write_text(json.dumps({"tokens": [{"token": token, "scopes": scopes}]}))
    relay = await Relay.start(
        *(0, *OPTIONS, "--auth-port", "0", "--tokens-file", str(tokens)),
        *("--osc-allow", "127.0.0.1/32", "--data-dir", str(tmp_path)),
        *("--anonymous-scopes", "read:/interop/**,write:/interop/**"),
        *("--cert", certificate[0], "--key", certificate[1]),
    )
    relay.token, relay.certificate = token, certificate[0]
    yield relay
    await relay.kill()


def same(heard, value, door):
    """Whether it is the value, of the same type, as far as the door's protocol can tell."""
    if door == "osc" and isinstance(value, dict):
        heard = json.loads(heard)
    if isinstance(value, list):
        return len(heard) == len(value) and all(map(lambda a, b: same(a, b, door), heard, value))
    if isinstance(value, float):
        return isinstance(heard, float) and math.isclose(heard, value, rel_tol=1e-6)
    return type(heard) is type(value) and heard == value


@pytest.mark.parametrize("door", DOORS)
async def test_a_value_set_by_one_door_comes_out_of_all_others_as_it_was(relay, enter, door):
    writer = await enter(door, relay)
    readers = {other: await enter(other, relay) for other in DOORS}
    for number, (kind, value) in enumerate(VALUES.items()):
        if door == "osc" and isinstance(value, dict):
            continue
        address = f"/matrix/{number}"
        queues = {other: await reader.listen(address) for other, reader in readers.items()}
        await writer.set(address, value)
        for other, queue in queues.items():
            heard = await within(f"{kind} from {door} at {other}", queue.get())
            assert same(heard, value, other), f"{kind} from {door} at {other}: {heard!r}"


@pytest.mark.parametrize("door", DOORS)
async def test_a_token_without_the_scope_is_refused_at_every_door(guarded, enter, door):
    client = await enter(door, guarded, guarded.token)
    await client.set("/open/a", 1)
    with pytest.raises(Refused):
        await client.set("/closed/a", 1)
    with pytest.raises(Refused):
        await client.listen("/closed/a")


@pytest.mark.parametrize("door", DOORS)
async def test_without_a_token_nothing_is_to_be_had_at_any_door(guarded, enter, door):
    with pytest.raises(Refused):
        client = await enter(door, guarded)
        await client.set("/open/a", 1)
