"""What the walks do on their machine: start units, proxies and clients, knock on ports."""

import os
import re
import shlex
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from clasp import Clasp
from places import JS, binary
from processes import Background, Relay, until

PUBLIC = "192.0.2.1"
CLIENTS = ("198.51.100.7", "198.51.100.8")
PROGRAM = Path("/usr/local/bin/clasp-relay")
CREDENTIALS = Path("/run/credentials/clasp-relay.service")


def shell(script):
    """Runs lines as someone types them."""
    typed = ["bash", "-euc", script]
    done = subprocess.run(typed, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def install_program():
    shutil.copy(binary(), PROGRAM)


def start(unit, further=()):
    """Starts a unit's ExecStart with its Environment, as systemd would."""
    joined = unit.replace("\\\n", " ")
    [line] = re.findall(r"^ExecStart=(.*)$", joined, re.M)
    entries = re.findall(r"^Environment=(.*)$", joined, re.M)
    env = dict(entry.split("=", 1) for entry in entries)
    for file in re.findall(r"^EnvironmentFile=-?(.*)$", joined, re.M):
        lines = Path(file).read_text().splitlines() if Path(file).exists() else []
        env |= dict(it.split("=", 1) for it in lines if it and not it.startswith("#"))
    for name, source in re.findall(r"^LoadCredential=(\S+):(\S+)$", joined, re.M):
        CREDENTIALS.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, CREDENTIALS / name)
    return Relay([], env=env, cwd="/", program=[*shlex.split(line), *further])


@contextmanager
def caddy(text, env=None):
    """Caddy with its own authority in place of Let's Encrypt; yields the authority's certificate."""
    file, home = Path("/etc/caddy/Caddyfile"), Path("/var/lib/caddy-under-test")
    file.parent.mkdir(exist_ok=True)
    file.write_text("{\n\tlocal_certs\n\tskip_install_trust\n}\n" + text)
    env = {"XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), **(env or {})}
    authority = home / "caddy/pki/authorities/local/root.crt"
    command = ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]
    with open("/var/lib/caddy.log", "w") as log, Background(*command, env=env, log=log):
        until("Caddy's authority", authority.exists)
        yield authority


def ask(authority, url, *options):
    """Status and body of a page by curl, from an address if `--interface` says so."""
    command = ["curl", "-sS", "--cacert", authority, "-w", "\n%{http_code}", *options, url]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr)
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), body


def answers(authority, url):
    """Waits until the proxy serves that page."""
    until(url, lambda: ask(authority, url)[0] == 200)


async def python(authority, url, token):
    """The published Python client, connected."""
    os.environ["SSL_CERT_FILE"] = str(authority)
    client = Clasp(url, token=token, reconnect=False)
    await client.connect()
    return client


JS_CLIENT = """
import { Clasp } from '@clasp-to/core';
globalThis.WebSocket ??= (await import('ws')).WebSocket;
const [url, token, address, value] = process.argv.slice(2);
const client = await Clasp.builder(url).token(token).reconnect(false).connect();
await new Promise((done) => {
  client.on(address, (heard) => { if (value === undefined || heard === value) done(heard); });
  if (value !== undefined) client.set(address, value);
}).then((heard) => console.log(heard));
process.exit(0);
"""


def javascript(authority, *words):
    """What the published JavaScript client hears at an address, after setting it if told to."""
    done = subprocess.run(
        ["node", "--input-type=module", "-", *words],
        input=JS_CLIENT, cwd=JS, capture_output=True, text=True, timeout=60,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(authority)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@contextmanager
def neighbour():
    """Another machine on a cable of ours; yields a function that tells whether a port lets in."""
    with Background("unshare", "--net", "sleep", "infinity") as other:
        pid = str(other.process.pid)
        inside = f"nsenter --target {pid} --net"
        own = os.readlink("/proc/self/ns/net")
        until("its network", lambda: os.readlink(f"/proc/{pid}/ns/net") != own)
        shell(f"""
            ip link add cable type veth peer name plug netns {pid}
            ip address add 203.0.113.1/24 dev cable && ip link set cable up
            {inside} ip address add 203.0.113.2/24 dev plug && {inside} ip link set plug up
        """)

        def lets_in(port):
            knock = f"exec 3<>/dev/tcp/203.0.113.1/{port}"
            command = [*inside.split(), "timeout", "2", "bash", "-c", knock]
            return subprocess.run(command, capture_output=True).returncode == 0

        yield lets_in
        shell("ip link delete cable")


def has_netfilter():
    return subprocess.run(["iptables", "-S"], capture_output=True).returncode == 0
