"""Connecting over wss, with a certificate that the machine does not know."""

import asyncio
import os
import sys
from contextlib import suppress

import pytest
from support import Inbox, Relay, join, settle, within
from test_snippet import SNIPPET


@pytest.fixture
async def encrypted(certificate):
    cert, key = certificate
    relay = await Relay.start(0, "--cert", cert, "--key", key)
    relay.url = relay.url.replace("ws://", "wss://")
    yield relay
    await relay.kill()


async def test_what_an_encrypted_client_sets_a_plain_one_sees(
    encrypted, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    client = await join(encrypted)
    encrypted.url = encrypted.url.replace("wss://", "ws://")
    plain = await join(encrypted)
    inbox = Inbox()
    plain.subscribe("/tls/**", inbox)
    await settle(plain)
    await client.set("/tls/big", "x" * 50_000)
    assert await inbox.next() == ("/tls/big", "x" * 50_000)
    for each in (client, plain):
        await each.close()


async def test_the_snippet_works_over_wss(encrypted, certificate):
    env = {**os.environ, "CLASP_URL": encrypted.url, "SSL_CERT_FILE": certificate[0]}
    snippet = await asyncio.create_subprocess_exec(
        sys.executable, str(SNIPPET), env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await within("a line of the snippet", snippet.stdout.readline())
        assert line == b"/lights/kitchen 0.5\n"
    finally:
        with suppress(ProcessLookupError):
            snippet.kill()
        await snippet.wait()


async def test_an_unknown_certificate_is_not_accepted(encrypted):
    with pytest.raises(Exception, match="certificate verify failed"):
        await within("the refusal", join(encrypted))
