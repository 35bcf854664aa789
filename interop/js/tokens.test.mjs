// Tokens from the auth port, as the published client uses them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, listen, settle, startRelay, within } from './support.mjs';

/** A relay that demands tokens, but lets everybody have what the support code relies on. */
async function startGuarded(t) {
  const folder = mkdtempSync(join(tmpdir(), 'clasp-interop-tokens-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'admin.token');
  writeFileSync(file, execFileSync('openssl', ['rand', '-hex', '32']), { mode: 0o600 });
  const everybody = 'read:/interop/**,write:/interop/**';
  const relay = await startRelay(t, 0, [
    '--auth-port', '0', '--admin-token', file, '--data-dir', folder,
    '--anonymous-scopes', everybody,
  ]);
  return { ...relay, admin: readFileSync(file, 'utf8').trim() };
}

/** Asks the auth port with curl. */
async function ask(relay, path, body, ...options) {
  const data = body ? ['-d', JSON.stringify(body)] : [];
  const url = `${await relay.auth()}${path}`;
  return JSON.parse(execFileSync('curl', ['-s', '--fail-with-body', ...data, ...options, url]));
}

const bearer = (token) => ['-H', `Authorization: Bearer ${token}`];
const ALICE = { username: 'alice', password: 'secret123' };

/** A client with this token. */
const enter = (t, relay, token) =>
  connect(t, relay, (builder) => builder.token(token).reconnect(false));

test('a user writes, and a guest reads and does not write', async (t) => {
  const relay = await startGuarded(t);
  await ask(relay, '/auth/register', ALICE);
  const alice = await enter(t, relay, (await ask(relay, '/auth/login', ALICE)).token);
  const guest = await enter(t, relay, (await ask(relay, '/auth/guest', { name: 'Vi' })).token);
  const inbox = await listen(guest, '/stage/*');

  alice.set('/stage/light', 0.5);
  assert.deepEqual(await inbox.next(), ['/stage/light', 0.5]);

  guest.set('/stage/light', 1);
  await settle(guest);
  const { code, address } = guest.getLastError();
  assert.deepEqual([code, address], [301, '/stage/light']);
  assert.deepEqual(inbox.pending(), []);
});

test('a client notices that its token was revoked, and its renewed one goes on', async (t) => {
  const relay = await startGuarded(t);
  const { token } = await ask(relay, '/auth/register', ALICE);
  const fresh = (await ask(relay, '/auth/refresh', null, '-X', 'POST', ...bearer(token))).token;
  const [client, other] = [await enter(t, relay, token), await enter(t, relay, fresh)];
  const left = new Promise((resolve) => { client.onDisconnect(resolve); });

  await ask(relay, '/auth/logout', null, '-X', 'POST', ...bearer(token));

  await within('the end of the session', left);
  await assert.rejects(enter(t, relay, token));
  await settle(other);
});

test('the admin token works with and without cpsk_ in front', async (t) => {
  const relay = await startGuarded(t);
  for (const token of [relay.admin, `cpsk_${relay.admin}`]) {
    const admin = await enter(t, relay, token);
    const inbox = await listen(admin, '/stage/*');
    admin.set('/stage/light', 1);
    assert.deepEqual(await inbox.next(), ['/stage/light', 1]);
    inbox.unsubscribe();
  }
});
