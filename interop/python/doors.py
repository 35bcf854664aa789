"""Clients of every door with one face: set a value, hear one, be refused.

Each class opens a session with a token and offers `set`, which raises `Refused`, and `listen`,
which gives a queue of the values heard at an address, or raises `Refused`.
"""

import asyncio
import base64
import json
import socket
import struct
import urllib.error
import urllib.request
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from threading import Thread

import paho.mqtt.client as paho
import wire
from aioquic.asyncio import QuicConnectionProtocol
from aioquic.asyncio import connect as open_quic
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import DatagramFrameReceived
from paho.mqtt.subscribeoptions import SubscribeOptions
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from support import HOST, Raw, within


class Refused(Exception):
    """The relay said no."""


class Frames:
    """CLASP frames over some transport: `send` and `receive` are the subclass's."""

    def __init__(self, relay, token):
        self.relay, self.token = relay, token
        self.heard = {}
        self.answers = asyncio.Queue()

    async def open(self):
        await self.connect()
        await self.send(wire.frame(wire.hello(token=self.token)))
        self.reading = asyncio.create_task(self.read())
        await within("WELCOME", self.answers.get())

    async def read(self):
        while True:
            message = wire.decode(await self.receive())
            kind = message["type"]
            if kind in ("SET", "PUBLISH"):
                self.tell(message)
            elif kind == "SNAPSHOT":
                for param in message["params"]:
                    self.tell(param)
            elif kind in ("WELCOME", "ACK", "ERROR", "PONG"):
                self.answers.put_nowait(message)

    def tell(self, news):
        if queue := self.heard.get(news["address"]):
            queue.put_nowait(news["value"])

    async def ask(self, payload, qos=wire.CONFIRM):
        await self.send(wire.frame(payload, qos))
        answer = await within("an answer", self.answers.get())
        if answer["type"] == "ERROR":
            raise Refused(answer["message"])

    async def set(self, address, value):
        await self.ask(wire.set_param(address, value))

    async def listen(self, address):
        queue = self.heard[address] = asyncio.Queue()
        await self.send(wire.frame(wire.subscribe(len(self.heard), address)))
        await self.ask(wire.PING, wire.FIRE)
        return queue

    async def close(self):
        self.reading.cancel()
        with suppress(asyncio.CancelledError):
            await self.reading


class WebSocket(Frames):
    """The main port, as browsers use it."""

    async def connect(self):
        self.raw = await Raw(self.relay).__aenter__()

    async def send(self, frame):
        await self.raw.socket.send(frame)

    async def receive(self):
        return await self.raw.socket.recv()

    async def close(self):
        await super().close()
        await self.raw.socket.close()


class Tcp(Frames):
    """Frames behind their length, as the Arduino library sends them."""

    async def connect(self):
        port = self.relay.doors["tcp"]
        self.reader, self.writer = await asyncio.open_connection(HOST, port)

    async def send(self, frame):
        self.writer.write(struct.pack(">I", len(frame)) + frame)

    async def receive(self):
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return await self.reader.readexactly(length)

    async def close(self):
        await super().close()
        self.writer.close()


class Quic(Frames):
    """Frames back to back in the one stream of a QUIC connection."""

    protocol = "clasp/2"

    async def connect(self):
        configuration = QuicConfiguration(is_client=True, alpn_protocols=[self.protocol])
        configuration.load_verify_locations(self.relay.certificate)
        self.change(configuration)
        self.opening = open_quic(
            *(HOST, self.relay.doors["quic"]),
            configuration=configuration,
            create_protocol=Datagrams,
        )
        self.connection = await within("a QUIC connection", self.opening.__aenter__())
        self.reader, self.writer = await self.connection.create_stream()

    def change(self, configuration):
        pass

    async def send(self, frame):
        self.writer.write(frame)

    async def receive(self):
        header = await self.reader.readexactly(4)
        return header + await self.reader.readexactly(struct.unpack(">H", header[2:])[0])

    async def close(self):
        await super().close()
        await self.opening.__aexit__(None, None, None)


class Quic3(Quic):
    """The newer protocol, by a client that takes datagrams."""

    protocol = "clasp/3"

    def change(self, configuration):
        configuration.max_datagram_frame_size = 65_535


class Datagrams(QuicConnectionProtocol):
    """A connection that keeps the datagrams it gets."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.datagrams = asyncio.Queue()

    def quic_event_received(self, event):
        super().quic_event_received(event)
        if isinstance(event, DatagramFrameReceived):
            self.datagrams.put_nowait(event.data)

    def send(self, datagram):
        self._quic.send_datagram_frame(datagram)
        self.transmit()


class Mqtt:
    """An MQTT 5 client; the payload is JSON where JSON has the type."""

    def __init__(self, relay, token):
        self.relay, self.token = relay, token
        self.heard, self.answers = {}, asyncio.Queue()

    async def open(self):
        self.loop = asyncio.get_running_loop()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        if self.token:
            self.client.username_pw_set("matrix", self.token)
        for name in ("on_connect", "on_publish", "on_subscribe"):
            setattr(self.client, name, self.answer)
        self.client.on_message = self.message
        self.client.connect(HOST, self.relay.doors["mqtt"])
        self.client.loop_start()
        await self.good()

    def answer(self, *arguments):
        codes = next(a for a in reversed(arguments[:-1]) if not isinstance(a, dict | int))
        self.loop.call_soon_threadsafe(self.answers.put_nowait, codes)

    def message(self, _client, _userdata, message):
        self.loop.call_soon_threadsafe(self.tell, message.topic, message.payload)

    def tell(self, topic, payload):
        if queue := self.heard.get("/" + topic):
            queue.put_nowait(self.value(payload))

    @staticmethod
    def value(payload):
        try:
            return json.loads(payload)
        except UnicodeDecodeError:
            return payload
        except ValueError:
            return payload.decode()

    async def good(self):
        codes = await within("an answer", self.answers.get())
        for code in codes if isinstance(codes, list) else [codes]:
            if code.is_failure:
                raise Refused(str(code))

    async def set(self, address, value):
        payload = value if isinstance(value, bytes | str) else json.dumps(value)
        self.client.publish(address[1:], payload, qos=1)
        await self.good()

    async def listen(self, address):
        queue = self.heard[address] = asyncio.Queue()
        self.client.subscribe(address[1:], options=SubscribeOptions(qos=1))
        await self.good()
        return queue

    async def close(self):
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)


class Http:
    """Requests and server-sent events."""

    def __init__(self, relay, token):
        self.base = f"http://{HOST}:{relay.port}/api/v1"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.streams = []

    async def open(self):
        pass

    def request(self, method, path, value=None):
        headers, body = dict(self.headers), None
        if method == "PUT":
            raw = isinstance(value, bytes)
            headers["Content-Type"] = "application/octet-stream" if raw else "application/json"
            body = value if raw else json.dumps(value).encode()
        request = urllib.request.Request(self.base + path, body, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=15)
        except urllib.error.HTTPError as error:
            raise Refused(f"{error.code} {error.read().decode()}") from None

    async def set(self, address, value):
        (await asyncio.to_thread(self.request, "PUT", "/params" + address, value)).close()

    async def listen(self, address):
        path = "/subscribe?pattern=" + address
        stream = await asyncio.to_thread(self.request, "GET", path)
        queue = asyncio.Queue()
        hear = partial(asyncio.get_running_loop().call_soon_threadsafe, queue.put_nowait)
        # Threads of their own: those of the loop are few, and streams last.
        Thread(target=self.read, args=(stream, hear), daemon=True).start()
        self.streams.append(stream)
        return queue

    def read(self, stream, hear):
        with suppress(OSError, ValueError, HTTPException):
            for line in stream:
                if line.startswith(b"data:"):
                    news = json.loads(line[5:])
                    if "value" in news:
                        hear(self.value(news["value"]))

    @staticmethod
    def value(json_value):
        if isinstance(json_value, dict) and set(json_value) == {"$bytes"}:
            return base64.b64decode(json_value["$bytes"])
        return json_value

    async def close(self):
        for stream in self.streams:
            # Wakes the thread that reads it, which closing alone does not.
            stream.fp.raw._sock.shutdown(socket.SHUT_RDWR)


class Osc(asyncio.DatagramProtocol):
    """A program that speaks OSC over UDP."""

    def __init__(self, relay, token):
        self.port, self.token, self.heard = relay.doors["osc"], token, {}
        self.answers = asyncio.Queue()

    async def open(self):
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, remote_addr=(HOST, self.port))
        if self.token:
            self.send("/clasp/auth", self.token)
        await self.settle()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, _sender):
        for message in messages(data):
            if message.address.startswith("/clasp/"):
                self.answers.put_nowait(message)
            elif queue := self.heard.get(message.address):
                params = message.params
                queue.put_nowait(params[0] if len(params) == 1 else list(params))

    def send(self, address, *arguments):
        builder = OscMessageBuilder(address=address)
        for argument in arguments:
            builder.add_arg(argument)
        self.transport.sendto(builder.build().dgram)

    async def settle(self):
        """Awaits the answer to what was sent; a refusal comes before the pong."""
        self.send("/clasp/ping")
        refusal = None
        while (answer := await within("a pong", self.answers.get())).address != "/clasp/pong":
            if answer.address == "/clasp/error":
                refusal = Refused(str(answer.params))
        if refusal:
            raise refusal

    async def set(self, address, value):
        self.send(address, *(value if isinstance(value, list) else [value]))
        await self.settle()

    async def listen(self, address):
        queue = self.heard[address] = asyncio.Queue()
        self.send("/clasp/subscribe", address)
        await self.settle()
        return queue

    async def close(self):
        self.transport.close()


def messages(data):
    """The messages of a datagram, bundled or not."""
    if not data.startswith(b"#bundle\0"):
        return [OscMessage(data)]
    found, rest = [], data[16:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        found += messages(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return found


DOORS = {
    "websocket": WebSocket,
    "tcp": Tcp,
    "quic": Quic,
    "quic, clasp/3": Quic3,
    "mqtt": Mqtt,
    "http": Http,
    "osc": Osc,
}
