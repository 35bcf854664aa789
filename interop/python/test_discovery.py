"""Foreign programs that look for the relay by mDNS, on this machine's loopback interface only."""

import asyncio
import uuid

import pytest
from pythonoscquery.osc_query_client import OSCQueryClient
from support import HOST, Relay, join, within
from zeroconf import ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

CLASP = "_clasp._tcp.local."
OSCQUERY = "_oscjson._tcp.local."
LOOKUP_MS = 10_000


class Browser:
    """What appears and disappears of one type."""

    def __init__(self, kind):
        self.kind = kind
        self.seen = []
        self.more = asyncio.Event()

    async def __aenter__(self):
        self.zeroconf = AsyncZeroconf(interfaces=[HOST])
        handlers = [self.note]
        self.browser = AsyncServiceBrowser(self.zeroconf.zeroconf, [self.kind], handlers=handlers)
        return self

    async def __aexit__(self, *_):
        await self.browser.async_cancel()
        await self.zeroconf.async_close()

    def note(self, zeroconf, service_type, name, state_change):
        self.seen.append((name, state_change))
        self.more.set()

    async def until(self, name, change):
        while (f"{name}.{self.kind}", change) not in self.seen:
            self.more.clear()
            await self.more.wait()

    async def service(self, name):
        """The service of this name, once it is there."""
        await within(f"the coming of {name}", self.until(name, ServiceStateChange.Added))
        info = AsyncServiceInfo(self.kind, f"{name}.{self.kind}")
        assert await info.async_request(self.zeroconf.zeroconf, LOOKUP_MS)
        return info

    async def farewell(self, name):
        await within(f"the end of {name}", self.until(name, ServiceStateChange.Removed))


def unique():
    return f"Interop {uuid.uuid4()}"


@pytest.fixture
async def announced():
    """Starts relays that are told of on loopback; they end with the test."""
    relays = []

    async def start(name, *options):
        relay = await Relay.start_empty(0, "--name", name, "--mdns-interface", "lo", *options)
        relays.append(relay)
        return relay

    yield start
    for relay in relays:
        await relay.kill()


async def test_two_relays_are_found_with_their_ports_and_say_goodbye(announced):
    names = [unique(), unique()]
    async with Browser(CLASP) as browser:
        relays = [await announced(name) for name in names]
        for name, relay in zip(names, relays):
            info = await browser.service(name)
            facts = info.decoded_properties
            assert info.port == relay.port
            assert info.parsed_addresses() == [HOST]
            assert facts["ws"] == str(relay.port)
            assert (facts["name"], facts["version"], facts["auth"]) == (name, "2", "0")
            assert (facts["txtvers"], facts["proto"], facts["features"]) == ("1", "3", "psetg")
            assert str(uuid.UUID(facts["id"])) == facts["id"]
        for name, relay in zip(names, relays):
            assert await relay.stop() == 0
            await browser.farewell(name)


async def test_a_name_that_is_taken_is_not_taken_twice(announced):
    name = unique()
    async with Browser(CLASP) as browser:
        await announced(name)
        await browser.service(name)
        second = await announced(name)
        other = await browser.service(f"{name} (2)")
        assert other.port == second.port


async def test_an_oscquery_program_finds_the_tree_and_reads_it(announced):
    name = unique()
    async with Browser(OSCQUERY) as browser:
        relay = await announced(name, "--oscquery-port", "0")
        await relay.store_ready()
        client = await join(relay)
        await client.set("/osc/mix/level", 0.5)
        await client.set("/osc/mix/name", "Drums")
        await within("the value", client.get("/osc/mix/name"))
        oscquery = OSCQueryClient(await browser.service(name))

        info = await asyncio.to_thread(oscquery.get_host_info)
        assert info.name == name
        assert info.extensions["LISTEN"] is True
        root = await asyncio.to_thread(oscquery.query_node, "/")
        assert [node.full_path for node in root.contents] == ["/mix"]
        level = await asyncio.to_thread(oscquery.query_node, "/mix/level")
        assert (level.value, level.access.value, level.contents) == ([0.5], 3, None)
        assert await asyncio.to_thread(oscquery.query_node, "/nothing") is None

        await client.close()
