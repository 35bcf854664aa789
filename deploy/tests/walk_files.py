"""Our own files for a machine: install.sh, the unit, Caddyfile, nginx.conf and ufw.sh."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from machine import (
    CLIENTS, answers, ask, caddy, has_netfilter, install_program, javascript, neighbour, python,
    shell, start,
)
from places import RELAY, ROOT
from processes import Background, until

SITE = "https://relay.example.com"
SYSTEM = Path("/etc/systemd/system")
INSTALLED = Path("/var/lib/installed")
UNIT = (RELAY / "systemd/clasp-relay.service").read_text()


@pytest.fixture(scope="module")
def machine():
    """What install.sh writes; returns the operator's token."""
    install_program()
    shell(f"DESTDIR={INSTALLED} {RELAY}/install.sh relay.example.com")
    shell(f"cp -a {INSTALLED}/etc/. /etc/")
    shell("useradd --system --user-group --home-dir /var/lib/clasp clasp")
    shell("install -d -m 0700 /var/lib/clasp")
    return Path("/etc/clasp/admin.token").read_text().strip()


def test_the_units_are_valid(machine):
    (SYSTEM / "clasp-relay.socket").write_text((RELAY / "systemd/clasp-relay.socket").read_text())
    units = [SYSTEM / "clasp-relay.service", SYSTEM / "clasp-relay.socket"]
    verify = ["systemd-analyze", "verify", "--man=no", *units]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_the_unit_exposes_little(machine):
    shell(f"systemd-analyze security --offline=true --threshold=20 {SYSTEM}/clasp-relay.service")


def test_the_relay_listens_on_this_machine_only(machine):
    with start(UNIT) as relay:
        assert relay.ports == {"websocket": 7330, "auth": 7350, "health": 7360}
        sockets = shell("ss -Hlnt").split("\n")
        local = [line.split()[3] for line in sockets if line]
        assert sorted(it for it in local if ":73" in it) == [
            "127.0.0.1:7330", "127.0.0.1:7350", "127.0.0.1:7360",
        ]


async def walk(authority, token):
    """Clients of both languages through a proxy that serves everything under one name."""
    answers(authority, f"{SITE}/readyz")
    body = json.dumps({"username": f"user{os.urandom(4).hex()}", "password": "secret123"})
    status, text = ask(authority, f"{SITE}/auth/register", "--data", body)
    assert status == 200, text
    bearer = f"Authorization: Bearer {token}"
    assert ask(authority, f"{SITE}/api/relay", "--header", bearer)[0] == 200
    user = json.loads(text)["token"]
    client = await python(authority, "wss://relay.example.com", user)
    await client.set("/walk", 7)
    assert javascript(authority, "wss://relay.example.com", token, "/walk") == "7"
    await client.close()
    guest = (f"{SITE}/auth/guest", "--data", '{"name":"Vi"}', "--interface")
    visits = [ask(authority, *guest, CLIENTS[0])[0] for _ in range(11)]
    assert visits == [200] * 10 + [429]
    forged = ("--header", "X-Forwarded-For: 8.8.8.8")
    assert ask(authority, *guest, CLIENTS[0], *forged)[0] == 429, "a client's word is no address"
    assert ask(authority, *guest, CLIENTS[1])[0] == 200


async def test_caddy_serves_everything_under_one_name(machine):
    installed = (INSTALLED / "etc/caddy/Caddyfile").read_text()
    shell("caddy validate --config /etc/caddy/Caddyfile")
    with caddy(installed) as authority, start(UNIT):
        await walk(authority, machine)


async def test_nginx_serves_everything_under_one_name(machine):
    live = Path("/etc/letsencrypt/live/relay.example.com")
    live.mkdir(parents=True)
    shell(f"""
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
          -subj /CN=relay.example.com -addext subjectAltName=DNS:relay.example.com \
          -keyout {live}/privkey.pem -out {live}/fullchain.pem 2>&1
        rm -f /etc/nginx/sites-enabled/*
        mkdir -p /var/log/nginx /var/lib/nginx
        cp {RELAY}/nginx.conf /etc/nginx/conf.d/clasp-relay.conf
        nginx -t 2>&1
    """)
    nginx = ("nginx", "-g", "daemon off;")
    with open("/var/nginx.out", "w") as log, Background(*nginx, log=log), start(UNIT):
        until("nginx", lambda: ask(live / "fullchain.pem", f"{SITE}/readyz")[0] == 200)
        await walk(live / "fullchain.pem", machine)


def test_the_firewall_lets_in_the_proxy_only(machine):
    if not has_netfilter():
        pytest.skip("this kernel has no netfilter")
    # Even a relay that listens everywhere is out of reach.
    wide = ["--host", "0.0.0.0", "--metrics-port", "9090"]
    installed = (INSTALLED / "etc/caddy/Caddyfile").read_text()
    with caddy(installed) as authority, start(UNIT, wide), neighbour() as lets_in:
        answers(authority, f"{SITE}/readyz")
        ports = (80, 443, 7330, 7350, 7360, 9090)
        assert all(lets_in(port) for port in ports), "without a firewall"
        try:
            for _ in range(2):
                shell(f"{RELAY}/ufw.sh")
                assert [lets_in(port) for port in ports] == [True, True] + [False] * 4
        finally:
            shell("ufw disable")


# What asks a running systemd, or a firewall that this walk has switched off.
ELSEWHERE = ("systemctl", "journalctl", "ufw ")
# A route that another change mounts; asked where the relay describes it.
SESSIONS = 'curl -fsS -H "Authorization: Bearer $(cat /etc/clasp/admin.token)" https://$site/api/ses'


async def test_each_item_of_the_checklist_is_so(machine):
    page = (ROOT / "docs/deployment/production-checklist.md").read_text()
    first, *blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    assert len(blocks) > 10
    installed = (INSTALLED / "etc/caddy/Caddyfile").read_text()
    with caddy(installed) as authority, start(UNIT) as relay:
        answers(authority, f"{SITE}/readyz")
        client = await python(authority, "wss://relay.example.com", machine)
        await client.set("/kept", 1)
        _, description = ask(authority, f"{SITE}/openapi.json")
        left_out = ELSEWHERE if "/api/sessions" in description else (*ELSEWHERE, SESSIONS)
        for block in blocks:
            lines = [line for line in block.splitlines() if not line.startswith(left_out)]
            trust = f"export CURL_CA_BUNDLE={authority} SSL_CERT_FILE={authority}\n"
            # Caddy's own authority gives certificates for twelve hours.
            shown = "\n".join(lines).replace("604800", "3600")
            shell(f"set -o pipefail\n{trust}{first}{shown}")
        await client.close()
        assert relay.stop() == 0
