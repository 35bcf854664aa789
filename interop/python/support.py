"""A relay as a child process, published clients and raw sessions awaited with a deadline."""

import asyncio
import os
import re
from contextlib import suppress

import wire
from clasp import Clasp
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

HOST = "127.0.0.1"
DEADLINE_S = 15

# Parameters that every relay under test holds, so that a GET of the one and a subscription to the
# other are answered. They differ because a GET answered late would pass for the other answer.
JOINED = "/interop/joined"
READY = "/interop/ready"


async def within(what, awaitable):
    """Awaits it, and fails naming `what` once the deadline is over."""
    try:
        return await asyncio.wait_for(awaitable, DEADLINE_S)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {DEADLINE_S} s") from None


class Relay:
    """The program named by CLASP_RELAY_BIN, running."""

    def __init__(self, process, ports, log):
        self.process, self.log = process, log
        self.port, self.auth_port = ports["clients"], ports.get("auth")
        self.doors = ports
        self.url = f"ws://{HOST}:{self.port}"

    @classmethod
    async def start(cls, port=0, *options):
        """Starts it, with the parameters stored that the tests rely on."""
        relay = await cls.start_empty(port, *options)
        await relay.store_ready()
        return relay

    @classmethod
    async def start_empty(cls, port=0, *options):
        program = os.environ.get("CLASP_RELAY_BIN")
        assert program, "CLASP_RELAY_BIN does not name the relay program to test"
        env = {**os.environ, "RUST_LOG": "info"}
        env.pop("LOG_FORMAT", None)
        arguments = ["--host", HOST, "--port", str(port), *options]
        process = await asyncio.create_subprocess_exec(
            program, *arguments, env=env, stdout=asyncio.subprocess.PIPE
        )
        bound = await within("the ports", ports(process.stdout, options))
        return cls(process, bound, asyncio.create_task(drain(process.stdout)))

    async def store_ready(self):
        async with Raw(self) as raw:
            await raw.join()
            for address in (JOINED, READY):
                await raw.send(wire.set_param(address, True), wire.CONFIRM)
                await raw.expect("ACK")

    def alive(self):
        return self.process.returncode is None

    async def stop(self):
        """Asks it to end and returns its exit code."""
        self.process.terminate()
        return await within("the exit of the relay", self.process.wait())

    async def kill(self):
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self.log


# What the log says before the address of each door, by the option that opens it.
ANNOUNCED = {"auth": "auth: http", "mqtt": "mqtt", "osc": "udp", "quic": "quic", "tcp": "TCP: tcp"}


async def ports(log, options):
    """The ports of the relay's doors: `clients` is the main one, others are named by their option."""
    address = rf"{re.escape(HOST)}:(\d+)"
    marks = {"clients": rf"listening on {address}"}
    for door, words in ANNOUNCED.items():
        if f"--{door}-port" in options:
            marks[door] = rf"{words}://{address}"
    found = {}
    while line := await log.readline():
        for name, mark in marks.items():
            if match := re.search(mark, line.decode()):
                found[name] = int(match[1])
        if len(found) == len(marks):
            return found
    raise AssertionError(f"the relay ended, its ports are {found}")


async def drain(log):
    while await log.read(65_536):
        pass


class Inbox:
    """The deliveries of one subscription of a published client, as (address, value)."""

    def __init__(self):
        self.heard = asyncio.Queue()

    def __call__(self, value, address):
        self.heard.put_nowait((address, value))

    async def next(self):
        return await within("a delivery", self.heard.get())

    async def until(self, address):
        """Everything heard before the delivery at `address`, which is taken too."""
        before = []
        while (delivery := await self.next())[0] != address:
            before.append(delivery)
        return before

    def pending(self):
        return [self.heard.get_nowait() for _ in range(self.heard.qsize())]


async def join(relay, **options):
    """Connects a published client that has taken in the initial snapshot."""
    client = Clasp(relay.url, **{"reconnect": False, **options})
    await within("WELCOME", client.connect())
    await within("the initial snapshot", client.get(JOINED))
    return client


async def listen(client, pattern):
    """Subscribes and waits until that is in force; not for patterns that match /interop/ready."""
    inbox = Inbox()
    inbox.unsubscribe = client.subscribe(pattern, inbox)
    await settle(client)
    return inbox


async def settle(client):
    """Waits until the relay has answered everything that this client sent so far."""
    answer = Inbox()
    unsubscribe = client.subscribe(READY, answer)
    await answer.next()
    unsubscribe()


class Raw:
    """A WebSocket that speaks frames built by `wire`."""

    def __init__(self, relay, path="", subprotocols=("clasp",)):
        self.opening = open_websocket(
            relay.url + path,
            subprotocols=subprotocols or None,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            proxy=None,
        )

    async def __aenter__(self):
        self.socket = await within("the WebSocket", self.opening)
        return self

    async def __aexit__(self, *_):
        await self.socket.close()

    async def join(self):
        """Sends HELLO; returns WELCOME and the parameters of the initial snapshot."""
        await self.send(wire.hello())
        welcome, *snapshots = await self.settle()
        assert welcome["type"] == "WELCOME", welcome
        assert {s["type"] for s in snapshots} == {"SNAPSHOT"}, snapshots
        return welcome, [param for snapshot in snapshots for param in snapshot["params"]]

    async def send(self, payload, qos=wire.FIRE):
        await self.socket.send(wire.frame(payload, qos))

    async def receive(self):
        return wire.decode(await within("a frame", self.socket.recv()))

    async def expect(self, kind):
        message = await self.receive()
        assert message["type"] == kind, message
        return message

    async def settle(self):
        """Everything that comes before the answer to a PING sent now."""
        await self.send(wire.PING)
        before = []
        while (message := await self.receive())["type"] != "PONG":
            before.append(message)
        return before

    async def closing(self):
        """The frames that come before the relay closes, and the close code."""
        frames = []
        try:
            while True:
                frames.append(await within("the close", self.socket.recv()))
        except ConnectionClosed:
            return frames, self.socket.close_code
