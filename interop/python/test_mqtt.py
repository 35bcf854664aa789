"""Eclipse Paho against the MQTT door, in versions 3.1.1 and 5, over TCP and WebSocket."""

import asyncio
import queue

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from support import DEADLINE_S, HOST, Relay

VERSIONS = [mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5]


@pytest.fixture
async def broker(tmp_path):
    relay = await Relay.start(0, "--mqtt-port", "0", "--data-dir", str(tmp_path))
    yield relay
    await relay.kill()


@pytest.fixture
async def device_of(broker):
    """Makes connected clients."""
    devices = []

    async def make(name="", **options):
        devices.append(await Device.connect(broker, name, **options))
        return devices[-1]

    yield make
    for device in devices:
        await device.leave()


EVENTS = ("connect", "message", "subscribe", "unsubscribe", "publish", "disconnect")


class Device:
    """A Paho client whose events can be awaited."""

    def __init__(self, name, version, transport, clean, set_up):
        options = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        api = mqtt.CallbackAPIVersion.VERSION2
        self.client = mqtt.Client(
            api, client_id=name, protocol=version, transport=transport, **options
        )
        self.version = version
        # Made beforehand: two threads that both miss one would make two, and lose an event.
        self.events = {kind: queue.Queue() for kind in EVENTS}
        self.client.on_connect = lambda *event: self.put("connect", event[2:])
        self.client.on_message = lambda _, __, message: self.put("message", message)
        self.client.on_subscribe = lambda *event: self.put("subscribe", event[3])
        self.client.on_unsubscribe = lambda *event: self.put("unsubscribe", event[3])
        self.client.on_publish = lambda *event: self.put("publish", event[3])
        self.client.on_disconnect = lambda *event: self.put("disconnect", event[3])
        if set_up:
            set_up(self.client)

    def put(self, kind, event):
        self.events[kind].put(event)

    @classmethod
    async def connect(
        cls,
        broker,
        name="",
        version=mqtt.MQTTv311,
        transport="tcp",
        clean=True,
        set_up=None,
        properties=None,
    ):
        device = cls(name, version, transport, clean, set_up)
        options = {}
        if version == mqtt.MQTTv5:
            options = {"clean_start": clean, "properties": properties}
        await asyncio.to_thread(device.client.connect, HOST, broker.port, 60, **options)
        device.client.loop_start()
        flags, reason = (await device.next("connect"))[:2]
        assert not reason.is_failure, reason
        device.present = flags.session_present
        return device

    async def next(self, kind):
        """The next event of this kind."""
        return await asyncio.to_thread(self.events[kind].get, True, DEADLINE_S)

    async def subscribe(self, *arguments, **options):
        self.client.subscribe(*arguments, **options)
        return [code.value for code in await self.next("subscribe")]

    async def message(self):
        return await self.next("message")

    async def publish(self, topic, payload, qos=1, **options):
        self.client.publish(topic, payload, qos, **options)
        return await self.next("publish")

    async def leave(self):
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)


def publish_properties(**values):
    properties = Properties(PacketTypes.PUBLISH)
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_messages_arrive_as_they_were_sent(device_of, version, qos):
    listener = await device_of("listener", version=version)
    assert await listener.subscribe("a/+", qos) == [qos]
    sender = await device_of("sender", version=version)
    for payload in (b'{"a" : 1}', b"\xff\x00", b"21.50", b""):
        await sender.publish("a/b", payload, qos)
        message = await listener.message()
        heard = (message.topic, message.payload, message.qos, message.retain)
        assert heard == ("a/b", payload, qos, False)


async def test_the_client_hears_itself_until_it_unsubscribes(device_of):
    device = await device_of()
    await device.subscribe("t", 1)
    await device.publish("t", "1")
    assert (await device.message()).payload == b"1"
    device.client.unsubscribe("t")
    await device.next("unsubscribe")
    await device.publish("t", "2")
    await device.subscribe("u", 1)
    await device.publish("u", "3")
    assert (await device.message()).topic == "u"


async def test_clasp_and_mqtt_share_one_value(broker, device_of, client_of_broker):
    device = await device_of()
    await device.subscribe("#", 1)
    client = await client_of_broker()
    await client.set("/mqtt/lights/1", {"on": True})
    message = await device.message()
    assert (message.topic, message.payload) == ("lights/1", b'{"on":true}')
    await device.publish("lights/2", "0.5")
    assert await client.get("/mqtt/lights/2") == 0.5


@pytest.fixture
async def client_of_broker(broker):
    from support import join

    clients = []

    async def make():
        clients.append(await join(broker))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


async def test_a_kept_session_survives_the_relay(broker, tmp_path):
    first = await Device.connect(broker, "kept", clean=False)
    assert not first.present
    await first.subscribe("jobs", 2)
    first.client.disconnect()
    await first.next("disconnect")
    sender = await Device.connect(broker, "sender")
    for number in range(20):
        await sender.publish("jobs", str(number), 2)
    await sender.leave()
    assert await broker.stop() == 0

    again = await Relay.start(0, "--mqtt-port", "0", "--data-dir", str(tmp_path))
    try:
        second = await Device.connect(again, "kept", clean=False)
        assert second.present
        heard = [int((await second.message()).payload) for _ in range(20)]
        assert heard == list(range(20))
        await second.leave()
    finally:
        await again.kill()


async def test_properties_reach_the_other_client(device_of):
    listener = await device_of("listener", version=mqtt.MQTTv5)
    options = SubscribeOptions(qos=1, noLocal=True)
    await listener.subscribe("t", options=options)
    sender = await device_of("sender", version=mqtt.MQTTv5)
    properties = publish_properties(
        UserProperty=[("a", "1"), ("a", "2"), ("b", "3")],
        ResponseTopic="answers/1",
        CorrelationData=b"\x00\x01",
        ContentType="text/plain",
        PayloadFormatIndicator=1,
        MessageExpiryInterval=100,
    )
    await sender.publish("t", "42", properties=properties)
    message = await listener.message()
    got = message.properties
    assert got.UserProperty == [("a", "1"), ("a", "2"), ("b", "3")]
    assert (got.ResponseTopic, got.CorrelationData) == ("answers/1", b"\x00\x01")
    assert got.MessageExpiryInterval in (99, 100)
    await listener.publish("t", "own")
    await sender.publish("t", "last")
    assert (await listener.message()).payload == b"last"


async def test_a_newer_connection_takes_the_place_of_an_older_one(device_of):
    first = await device_of("same", version=mqtt.MQTTv5)
    await device_of("same", version=mqtt.MQTTv5)
    assert (await first.next("disconnect")).value == 0x8E
    first.client.loop_stop()


async def test_a_will_is_published_when_the_connection_breaks(broker, device_of):
    watcher = await device_of("watcher")
    await watcher.subscribe("wills/#", 1)
    mortal = await device_of("mortal", set_up=lambda c: c.will_set("wills/m", "gone", 1))
    mortal.client.socket().shutdown(2)
    message = await watcher.message()
    assert (message.topic, message.payload, message.qos) == ("wills/m", b"gone", 1)


@pytest.mark.parametrize("version", VERSIONS[1:])
async def test_mqtt_travels_in_a_websocket(device_of, version):
    device = await device_of("ws", version=version, transport="websockets")
    await device.subscribe("big", 1)
    payload = "x" * 60_000
    await device.publish("big", payload)
    assert (await device.message()).payload == payload.encode()
