"""QUIC with aioquic: what only the newer protocol does, and who is refused."""

import pytest
import wire
from aioquic.asyncio import connect
from aioquic.quic.configuration import QuicConfiguration
from support import HOST, Relay, within

NEWER = "quic, clasp/3"


@pytest.fixture
async def relay(certificate):
    cert, key = certificate
    relay = await Relay.start(0, "--quic-port", "0", "--cert", cert, "--key", key)
    relay.certificate = cert
    yield relay
    await relay.kill()


async def test_streams_travel_as_datagrams_both_ways(relay, enter):
    new, other = await enter(NEWER, relay), await enter("websocket", relay)
    await new.listen("/there")
    back = await other.listen("/back")

    await other.send(wire.frame(wire.publish("/there", 0.5, wire.STREAM)))
    datagram = wire.decode(await within("a datagram", new.connection.datagrams.get()))
    assert (datagram["type"], datagram["address"], datagram["value"]) == ("PUBLISH", "/there", 0.5)

    new.connection.send(wire.frame(wire.publish("/back", 0.25, wire.STREAM)))
    assert await within("what came as a datagram", back.get()) == 0.25


async def test_another_protocol_is_refused(relay, enter):
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"])
    configuration.load_verify_locations(relay.certificate)
    opening = connect(HOST, relay.doors["quic"], configuration=configuration)
    with pytest.raises(ConnectionError):
        await within("the refusal", opening.__aenter__())
    await enter(NEWER, relay)


async def test_an_unknown_certificate_is_not_accepted(relay):
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["clasp/3"])
    opening = connect(HOST, relay.doors["quic"], configuration=configuration)
    with pytest.raises(ConnectionError):
        await within("the refusal", opening.__aenter__())
