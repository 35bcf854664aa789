"""The guide, in its order and by its words. Left out is what reaches for the outside: doctl, apt,
git, Let's Encrypt (Caddy's own authority stands in), systemctl (its unit is started by us)."""

import json
import subprocess
from pathlib import Path

import pytest
from machine import (
    CLIENTS, answers, ask, caddy, has_netfilter, install_program, javascript, neighbour, python,
    shell, start,
)
from places import block_with, guide

GUIDE = guide()
UNIT = block_with(GUIDE, "[Unit]")
CADDYFILE = block_with(GUIDE, "reverse_proxy")
UNIT_FILE = Path("/etc/systemd/system/clasp-relay.service")


@pytest.fixture(scope="module")
def machine():
    """Steps 3 and 4, up to the start."""
    install_program()
    shell(block_with(GUIDE, "mkdir -p"))
    UNIT_FILE.write_text(UNIT)
    lines = block_with(GUIDE, "openssl rand").splitlines()
    shell("\n".join(line for line in lines if not line.startswith("systemctl")))
    return Path("/etc/clasp/admin.token").read_text().strip()


def test_the_unit_is_valid(machine):
    verify = ["systemd-analyze", "verify", "--man=no", UNIT_FILE]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


async def test_clients_reach_the_relay_through_caddy_and_find_their_state_again(machine):
    with caddy(CADDYFILE) as authority:
        with start(UNIT) as relay:
            assert relay.ports == {"websocket": 7330, "auth": 7350}
            answers(authority, "https://relay.yourdomain.com/readyz")
            body = json.dumps({"username": "alice", "password": "secret123"})
            status, text = ask(
                authority, "https://auth.yourdomain.com/auth/register", "--data", body
            )
            assert status == 200, text
            alice = json.loads(text)["token"]
            for place, token in enumerate((machine, f"cpsk_{machine}", alice)):
                client = await python(authority, "wss://relay.yourdomain.com", token)
                await client.set(f"/walk/python/{place}", token[-4:])
                assert await client.get(f"/walk/python/{place}") == token[-4:]
                await client.close()
            words = ("wss://relay.yourdomain.com", alice, "/walk/js", "set by js")
            assert javascript(authority, *words) == "set by js"
            # As `docker stop` and systemd do; well before either kills.
            assert relay.stop() == 0
        with start(UNIT) as relay:
            answers(authority, "https://relay.yourdomain.com/readyz")
            client = await python(authority, "wss://relay.yourdomain.com", alice)
            assert await client.get("/walk/js") == "set by js"
            assert await client.get("/walk/python/2") == alice[-4:]
            await client.close()
            words = ("wss://relay.yourdomain.com", machine, "/walk/python/2")
            assert javascript(authority, *words) == alice[-4:]
    assert not list(Path("/").glob("*.db")), "a database lies in the root directory"


@pytest.mark.parametrize("trusted", [True, False])
def test_users_behind_caddy_are_told_apart_if_caddy_is_trusted(machine, trusted):
    further = ["--trusted-proxy", "127.0.0.1,::1"] if trusted else []

    def visits(address):
        url = "https://auth.yourdomain.com/auth/guest"
        return ask(authority, url, "--interface", address, "--data", '{"name":"Vi"}')[0]

    with caddy(CADDYFILE) as authority, start(UNIT, further):
        answers(authority, "https://auth.yourdomain.com/readyz")
        first, second = CLIENTS
        assert [visits(first) for _ in range(11)] == [200] * 10 + [429]
        assert visits(second) == (200 if trusted else 429)


def test_the_firewall_lets_in_what_the_guide_allows(machine):
    if not has_netfilter():
        pytest.skip("this kernel has no netfilter")
    with caddy(CADDYFILE) as authority, start(UNIT), neighbour() as lets_in:
        answers(authority, "https://relay.yourdomain.com/readyz")
        ports = (80, 443, 7330, 7350)
        assert all(lets_in(port) for port in ports), "without a firewall"
        shell(block_with(GUIDE, "ufw enable"))
        try:
            assert [lets_in(port) for port in ports] == [True, True, False, False]
            answers(authority, "https://relay.yourdomain.com/readyz")
        finally:
            shell("ufw disable")
