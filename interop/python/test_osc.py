"""OSC with python-osc: UDP, TCP in both framings, bundles, feedback to another port."""

import asyncio
import time

import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_server import AsyncIOOSCUDPServer
from pythonosc.tcp_client import SimpleTCPClient
from pythonosc.udp_client import SimpleUDPClient
from support import HOST, Relay, join, listen, within


@pytest.fixture
async def relay():
    relay = await Relay.start(0, "--osc-port", "0")
    relay.osc_port = relay.doors["osc"]
    yield relay
    await relay.kill()


@pytest.fixture
async def screen():
    """A python-osc server: its port, and what it hears."""
    heard = asyncio.Queue()
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: heard.put_nowait((address, *values)))
    server = AsyncIOOSCUDPServer((HOST, 0), dispatcher, asyncio.get_running_loop())
    transport, _ = await server.create_serve_endpoint()
    yield transport.get_extra_info("sockname")[1], heard
    transport.close()


def message(address, *values):
    builder = OscMessageBuilder(address=address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


def bundle(timetag, *messages):
    builder = OscBundleBuilder(timetag)
    for part in messages:
        builder.add_content(part)
    return builder.build()


async def subscribe(client, port, heard, pattern="/*"):
    """Subscribes with feedback to the port of another program."""
    client.send_message("/clasp/port", port)
    client.send_message("/clasp/subscribe", pattern)
    while (await within("the confirmation", heard.get()))[0] != "/clasp/subscribed":
        pass


async def test_values_go_both_ways_and_feedback_to_the_port_asked_for(relay, client_of, screen):
    port, heard = screen
    desk, clasp = SimpleUDPClient(HOST, relay.osc_port), await client_of()
    inbox = await listen(clasp, "/osc/*")
    await subscribe(desk, port, heard)

    desk.send_message("/fader", [0.5, 3, "three", True, b"\x00\xff"])
    assert await inbox.next() == ("/osc/fader", [0.5, 3, "three", True, b"\x00\xff"])

    await clasp.set("/osc/fader", [0.25, 4])
    await clasp.set("/osc/name", "Größe")
    assert await within("feedback", heard.get()) == ("/fader", 0.25, 4)
    assert await within("feedback", heard.get()) == ("/name", "Größe")


@pytest.mark.parametrize("mode", ["1.0", "1.1"])
async def test_tcp_in_both_framings(relay, client_of, mode):
    inbox = await listen(await client_of(), "/osc/*")
    client = SimpleTCPClient(HOST, relay.osc_port, mode=mode)

    client.send_message("/blob", b"\xc0\xdb\xdc\xdd")
    client.send_message("/number", 192)

    assert await inbox.next() == ("/osc/blob", b"\xc0\xdb\xdc\xdd")
    assert await inbox.next() == ("/osc/number", 192)
    client.close()


async def test_a_bundle_waits_for_its_time_and_comes_together(relay, client_of, screen):
    port, heard = screen
    desk, clasp = SimpleUDPClient(HOST, relay.osc_port), await client_of()
    inbox = await listen(clasp, "/osc/*")
    await subscribe(SimpleUDPClient(HOST, relay.osc_port), port, heard)

    # On a machine so slow that the first one is due before the second has arrived, once more.
    for ahead in (0.5, 3, 10):
        at = time.time() + ahead
        desk.send(bundle(at, message("/a", 2), message("/b", 2)))
        desk.send(bundle(IMMEDIATELY, message("/a", 1)))
        told = [await inbox.next() for _ in range(3)]
        assert time.time() >= at
        if told[0] == ("/osc/a", 1):
            break

    assert told == [("/osc/a", 1), ("/osc/a", 2), ("/osc/b", 2)]
    feedback = [await within("feedback", heard.get())]
    while feedback[-1] != ("/b", 2):
        feedback.append(await within("feedback", heard.get()))
    assert feedback[-2:] == [("/a", 2), ("/b", 2)]


async def test_an_event_goes_both_ways(relay, client_of, screen):
    port, heard = screen
    desk, clasp = SimpleUDPClient(HOST, relay.osc_port), await client_of()
    inbox = await listen(clasp, "/osc/go")
    await subscribe(SimpleUDPClient(HOST, relay.osc_port), port, heard)

    desk.send_message("/clasp/event", ["/go", 7])
    assert await inbox.next() == ("/osc/go", 7)
    assert await within("feedback", heard.get()) == ("/go", 7)
    await clasp.emit("/osc/back", 0.5)
    assert await within("feedback", heard.get()) == ("/back", 0.5)


async def test_a_pattern_reaches_what_it_matches(relay, client_of):
    desk, clasp = SimpleUDPClient(HOST, relay.osc_port), await client_of()
    inbox = await listen(clasp, "/osc/ch/*/*")
    for channel in (1, 2, 10):
        await clasp.set(f"/osc/ch/{channel}/mute", 0)
        await inbox.next()

    desk.send_message("/ch/[12]/{mute,solo}", 1)
    desk.send_message("/ch/10/done", 1)

    told = [await inbox.next() for _ in range(3)]
    assert sorted(told) == [("/osc/ch/1/mute", 1), ("/osc/ch/10/done", 1), ("/osc/ch/2/mute", 1)]


async def test_a_late_client_gets_the_state(relay, screen):
    port, heard = screen
    desk, clasp = SimpleUDPClient(HOST, relay.osc_port), await join(relay)
    for number in range(300):
        await clasp.set(f"/osc/many/{number}", number)
    await within("the last value", clasp.get("/osc/many/299"))
    await clasp.close()

    desk.send_message("/clasp/port", port)
    desk.send_message("/clasp/subscribe", "/many/*")

    state = {}
    while len(state) < 300:
        address, *values = await within("the state", heard.get())
        if address.startswith("/many/"):
            state[address] = values
    assert state == {f"/many/{number}": [number] for number in range(300)}
