"""CLASP payloads and frames made and read with nothing but struct.

Makers return the payload of one message (`frame` wraps it); `decode` reads one whole frame into a
dict whose `type` is the message name. Only what a relay sends can be decoded.
"""

import struct

FIRE, CONFIRM, COMMIT = 0, 1, 2
EVENT, STREAM, GESTURE = 1, 2, 3
ABSOLUTE_TTL = 0x8000_0000


class MalformedFrame(ValueError):
    """The relay sent bytes that the wire specification does not allow."""


def text(value):
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def typed(value):
    """The type code of a value and its data."""
    if value is None:
        return 0x00, b""
    if isinstance(value, bool):
        return 0x01, bytes([value])
    if isinstance(value, int):
        return 0x05, struct.pack(">q", value)
    if isinstance(value, float):
        return 0x07, struct.pack(">d", value)
    if isinstance(value, str):
        return 0x08, text(value)
    if isinstance(value, bytes):
        return 0x09, struct.pack(">H", len(value)) + value
    if isinstance(value, list):
        return 0x0A, struct.pack(">H", len(value)) + b"".join(map(tagged, value))
    entries = (text(key) + tagged(item) for key, item in value.items())
    return 0x0B, struct.pack(">H", len(value)) + b"".join(entries)


def tagged(value):
    code, data = typed(value)
    return bytes([code]) + data


def frame(payload, qos=FIRE):
    return struct.pack(">BBH", 0x53, qos << 6 | 1, len(payload)) + payload


def hello(name="raw", version=1, features=0xE0, token=""):
    return struct.pack(">BBB", 0x01, version, features) + text(name) + text(token)


def subscribe(number, pattern, types=0xFF):
    return struct.pack(">BI", 0x10, number) + text(pattern) + bytes([types, 0])


def unsubscribe(number):
    return struct.pack(">BI", 0x11, number)


def set_param(address, value, *, revision=None, lock=False, unlock=False, ttl=None):
    code, data = typed(value)
    flags = code | lock << 6 | unlock << 5
    tail = b""
    if revision is not None:
        flags |= 0x80
        tail += struct.pack(">Q", revision)
    if ttl is not None:
        flags |= 0x10
        tail += struct.pack(">I", ttl)
    return bytes([0x21, flags]) + text(address) + data + tail


def publish(address, value, signal=EVENT):
    return bytes([0x20, signal << 5]) + text(address) + b"\x01" + tagged(value)


def get(address):
    return b"\x22" + text(address)


def query(pattern):
    return b"\x60" + text(pattern)


def announce(namespace, address, signal=EVENT):
    return b"\x03" + text(namespace) + b"\x00\x01" + text(address) + bytes([signal, 0])


def bundle(parts, timestamp=None):
    head = struct.pack(">BBH", 0x30, 0x80 if timestamp is not None else 0, len(parts))
    if timestamp is not None:
        head += struct.pack(">Q", timestamp)
    return head + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def sync(t1):
    return struct.pack(">BBQ", 0x40, 0, t1)


PING = b"\x41"


class Reader:
    """A cursor over one payload."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise MalformedFrame(f"{count} bytes wanted at {self.at} of {len(self.data)}")
        self.at += count
        return part

    def number(self, layout):
        return struct.unpack(">" + layout, self.take(struct.calcsize(">" + layout)))[0]

    def text(self):
        return self.take(self.number("H")).decode()

    def optional(self, flags, bit, read):
        return read() if flags & bit else None

    def value(self, code=None):
        code = self.number("B") if code is None else code
        if code == 0x00:
            return None
        if code == 0x01:
            return self.number("B") != 0
        if code in NUMBERS:
            return self.number(NUMBERS[code])
        if code == 0x08:
            return self.text()
        if code == 0x09:
            return self.take(self.number("H"))
        if code == 0x0A:
            return [self.value() for _ in range(self.number("H"))]
        if code == 0x0B:
            return {self.text(): self.value() for _ in range(self.number("H"))}
        raise MalformedFrame(f"unknown value type {code:#04x}")


NUMBERS = {0x02: "b", 0x03: "h", 0x04: "i", 0x05: "q", 0x06: "f", 0x07: "d"}


def read_welcome(r):
    return {
        "version": r.number("B"),
        "features": r.number("B"),
        "time": r.number("Q"),
        "session": r.text(),
        "name": r.text(),
        "token": r.text(),
    }


def read_set(r):
    flags = r.number("B")
    return {
        "address": r.text(),
        "value": r.value(flags & 0x0F),
        "revision": r.optional(flags, 0x80, lambda: r.number("Q")),
        "lock": bool(flags & 0x40),
        "unlock": bool(flags & 0x20),
        "ttl": r.optional(flags, 0x10, lambda: r.number("I")),
    }


def read_publish(r):
    flags = r.number("B")
    address, indicator = r.text(), r.number("B")
    samples = range(r.number("H")) if indicator == 2 else ()
    value = r.value() if indicator == 1 else [r.number("d") for _ in samples] or None
    return {"address": address, "value": value, "signal": flags >> 5, "phase": flags & 0x07}


def read_param(r):
    param = {"address": r.text(), "value": r.value(), "revision": r.number("Q")}
    flags = r.number("B")
    param["writer"] = r.optional(flags, 0x01, r.text)
    param["timestamp"] = r.optional(flags, 0x02, lambda: r.number("Q"))
    return param


def read_snapshot(r):
    return {"params": [read_param(r) for _ in range(r.number("H"))]}


def read_sync(r):
    flags = r.number("B")
    return {
        "t1": r.number("Q"),
        "t2": r.optional(flags, 0x01, lambda: r.number("Q")),
        "t3": r.optional(flags, 0x02, lambda: r.number("Q")),
    }


def read_ack(r):
    flags = r.number("B")
    return {
        "address": r.optional(flags, 0x01, r.text),
        "revision": r.optional(flags, 0x02, lambda: r.number("Q")),
        "locked": r.optional(flags, 0x04, lambda: r.number("B") != 0),
        "holder": r.optional(flags, 0x08, r.text),
        "correlation": r.optional(flags, 0x10, lambda: r.number("I")),
    }


def read_error(r):
    code, message, flags = r.number("H"), r.text(), r.number("B")
    return {"code": code, "message": message, "address": r.optional(flags, 0x01, r.text)}


def read_signal(r):
    address, signal, flags = r.text(), r.number("B"), r.number("B")
    return {
        "address": address,
        "signal": signal,
        "datatype": r.optional(flags, 0x01, r.text),
        "access": r.optional(flags, 0x02, r.text),
    }


def read_result(r):
    return {"signals": [read_signal(r) for _ in range(r.number("H"))]}


MESSAGES = {
    0x02: ("WELCOME", read_welcome),
    0x20: ("PUBLISH", read_publish),
    0x21: ("SET", read_set),
    0x23: ("SNAPSHOT", read_snapshot),
    0x40: ("SYNC", read_sync),
    0x41: ("PING", lambda r: {}),
    0x42: ("PONG", lambda r: {}),
    0x50: ("ACK", read_ack),
    0x51: ("ERROR", read_error),
    0x61: ("RESULT", read_result),
}


def decode(data):
    """One frame of the relay, which has to be nothing but that frame."""
    if len(data) < 5 or data[0] != 0x53:
        raise MalformedFrame(f"no frame header: {data[:16].hex()}")
    if data[1] & 0x3F != 1:
        raise MalformedFrame(f"flags {data[1]:#04x}: a relay sends plain version 1 only")
    if struct.unpack(">H", data[2:4])[0] != len(data) - 4:
        raise MalformedFrame(f"{len(data)} bytes, but the header says {data[2:4].hex()}")
    if data[4] not in MESSAGES:
        raise MalformedFrame(f"message type {data[4]:#04x} is not for clients")
    name, read = MESSAGES[data[4]]
    return {"type": name, "qos": data[1] >> 6, **read(Reader(data[5:]))}
