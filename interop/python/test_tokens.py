"""Tokens from the auth port, as the published client uses them."""

import asyncio
import json
import subprocess

import pytest
from support import Inbox, Relay, join, listen, settle, within

ALICE = {"username": "alice", "password": "secret123"}


@pytest.fixture
async def guarded(tmp_path):
    """A relay that demands tokens, but lets everybody have what the support code relies on."""
    file = tmp_path / "admin.token"
    file.touch(mode=0o600)
    file.write_bytes(subprocess.check_output(["openssl", "rand", "-hex", "32"]))
    relay = await Relay.start(
        0,
        *("--auth-port", "0", "--admin-token", str(file), "--data-dir", str(tmp_path)),
        *("--anonymous-scopes", "read:/interop/**,write:/interop/**"),
    )
    relay.admin = file.read_text().strip()
    yield relay
    await relay.kill()


async def ask(relay, path, body=None, token=None):
    """Posts to the auth port with curl."""
    url = f"http://127.0.0.1:{relay.auth_port}{path}"
    data = ["-d", json.dumps(body)] if body else ["-X", "POST"]
    bearer = ["-H", f"Authorization: Bearer {token}"] if token else []
    curl = ["curl", "-s", "--fail-with-body", *data, *bearer, url]
    return json.loads(await asyncio.to_thread(subprocess.check_output, curl))


async def test_a_user_writes_and_a_guest_reads_and_does_not_write(guarded):
    await ask(guarded, "/auth/register", ALICE)
    alice = await join(guarded, token=(await ask(guarded, "/auth/login", ALICE))["token"])
    guest = await join(guarded, token=(await ask(guarded, "/auth/guest", {"name": "Vi"}))["token"])
    inbox = await listen(guest, "/stage/*")

    await alice.set("/stage/light", 0.5)
    assert await inbox.next() == ("/stage/light", 0.5)
    await guest.set("/stage/light", 1)
    await settle(guest)

    assert inbox.pending() == []
    for client in (alice, guest):
        await client.close()


async def test_a_client_notices_that_its_token_was_revoked(guarded):
    token = (await ask(guarded, "/auth/register", ALICE))["token"]
    fresh = (await ask(guarded, "/auth/refresh", token=token))["token"]
    client, other = await join(guarded, token=token), await join(guarded, token=fresh)
    left = asyncio.Event()
    client.on_disconnect(lambda *_: left.set())

    await ask(guarded, "/auth/logout", token=token)

    await within("the end of the session", left.wait())
    with pytest.raises(Exception, match=r".+"):
        await join(guarded, token=token)
    await settle(other)
    await other.close()


@pytest.mark.parametrize("prefix", ["", "cpsk_"])
async def test_the_admin_token_works_with_and_without_its_prefix(guarded, prefix):
    admin = await join(guarded, token=prefix + guarded.admin)
    inbox = Inbox()
    admin.subscribe("/stage/*", inbox)
    await admin.set("/stage/light", 1)
    assert await inbox.next() == ("/stage/light", 1)
    await admin.close()
