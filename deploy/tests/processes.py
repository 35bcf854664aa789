"""Programs that run beside a test: the relay, and proxies in front of it."""

import os
import re
import socket
import subprocess
import time
import urllib.request
from urllib.error import URLError

from places import binary

DEADLINE_S = 15
PORTS = {
    "websocket": r"listening on [^ ]*:(\d+)",
    "auth": r"auth: https?://[^/]*:(\d+)/",
    "health": r"health: https?://[^/]*:(\d+)/",
    "metrics": r"metrics: https?://[^/]*:(\d+)/",
}


class Relay:
    """A relay that has said that it is ready, and the ports it told in the log."""

    def __init__(self, arguments, env=None, cwd=None, program=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CLASP_", "LOG_"))}
        self.process = subprocess.Popen(
            program or [binary(), *arguments],
            env={**clean, "RUST_LOG": "info", **(env or {})},
            cwd=cwd,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.log, self.ports = [], {}
        for line in self.process.stdout:
            self.log.append(line)
            for door, pattern in PORTS.items():
                if found := re.search(pattern, line):
                    self.ports[door] = int(found[1])
            if "ready, accepting connections" in line:
                return
        self.process.wait()
        raise AssertionError("the relay did not start:\n" + "".join(self.log))

    def stop(self):
        """Ends it as systemd and containers do; returns the exit code."""
        self.process.terminate()
        self.log += self.process.communicate(timeout=DEADLINE_S)[0].splitlines(True)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def deaf_client(port):
    """A session that answers nothing, not even the close; the socket that keeps it."""
    client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    client.sendall(
        b"GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: clasp\r\n\r\n"
    )
    # HELLO of a client called "deaf", masked with zeroes.
    hello = b"\x01\x01\xf8\0\x04deaf\0\0"
    frame = b"\x53\x01" + len(hello).to_bytes(2, "big") + hello
    client.sendall(b"\x82" + bytes([0x80 | len(frame)]) + bytes(4) + frame)
    heard = b""
    while b"\x82" not in heard.partition(b"\r\n\r\n")[2]:
        heard += client.recv(4096)
    return client


class Background:
    """Another program, killed at the end."""

    def __init__(self, *command, env=None, log=subprocess.DEVNULL):
        self.process = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, stdout=log, stderr=log
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, context=None, headers=None):
    """Status and text of a page; a refusal is an answer, too."""
    request = urllib.request.Request(url, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def until(what, attempt):
    """Calls `attempt` until it returns something; connections may be refused meanwhile."""
    end = time.monotonic() + DEADLINE_S
    last = "no error"
    while time.monotonic() < end:
        try:
            if result := attempt():
                return result
        except (OSError, URLError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {DEADLINE_S} s; {last}")
