// Connecting, and coming back after a restart of the relay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, listen, startRelay } from './support.mjs';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MICROSECONDS_IN_2020 = 1_577_836_800_000_000;

test('WELCOME carries a UUID as session id', async (t) => {
  const relay = await startRelay(t);
  const client = await connect(t, relay);

  assert.equal(client.connected, true);
  assert.match(client.session, UUID);
});

test('two clients have different sessions', async (t) => {
  const relay = await startRelay(t);

  const [first, second] = [await connect(t, relay), await connect(t, relay)];

  assert.notEqual(first.session, second.session);
});

test('the client clock follows the relay', async (t) => {
  const relay = await startRelay(t);
  const client = await connect(t, relay);

  assert.ok(client.time() > MICROSECONDS_IN_2020, String(client.time()));
});

test('SIGTERM ends the relay with success and tells clients', async (t) => {
  const relay = await startRelay(t);
  const client = await connect(t, relay);
  const told = new Promise((resolve) => { client.onDisconnect(resolve); });

  assert.equal(await relay.stop(), 0);
  await told;
});

test('a client resubscribes after a restart and hears updates again', async (t) => {
  const relay = await startRelay(t);
  const reconnecting = (builder) => builder.reconnect(true).reconnectInterval(100);
  const client = await connect(t, relay, reconnecting);
  const inbox = await listen(client, '/room/*');
  (await connect(t, relay)).set('/room/light', 1);
  assert.deepEqual(await inbox.next(), ['/room/light', 1]);

  await relay.stop();
  const restarted = await startRelay(t, relay.port);
  const writer = await connect(t, restarted);
  writer.set('/room/light', 2);

  await hearAtLast(inbox, 2);
  writer.set('/room/light', 3);
  await hearAtLast(inbox, 3);
});

// Snapshots may repeat a value, so earlier ones are skipped.
async function hearAtLast(inbox, wanted) {
  let value;
  do [, value] = await inbox.next(); while (value !== wanted);
}
