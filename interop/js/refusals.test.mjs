// What the relay refuses, it refuses aloud, and the connection lives on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, listen, lock, settle, startRelay, within } from './support.mjs';

const POLL_MS = 10;

test('get of a missing address is answered before the client gives up', async (t) => {
  const relay = await startRelay(t);
  const client = await connect(t, relay);
  let waiting = true;
  const get = client.get('/no/such/param').finally(() => { waiting = false; });
  get.catch(() => {}); // its own time-out, long after the ERROR

  while (waiting && !client.getLastError()) await pause(POLL_MS);

  assert.ok(waiting, 'no ERROR came before the time-out of the client');
  assert.equal(client.getLastError().code, 201);
});

test('a value of 70 kB is refused and the connection lives on', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/big/*');
  const client = await connect(t, relay);

  assert.throws(() => client.set('/big/value', 'x'.repeat(70_000)));
  client.set('/big/end', true);

  assert.deepEqual(await inbox.until('/big/end'), []);
});

test('a value too large to be snapshotted is refused with 402', async (t) => {
  const relay = await startRelay(t);
  const client = await connect(t, relay);
  const inbox = await listen(client, '/big/*');

  client.set('/big/value', new Uint8Array(65_500));
  await settle(client);
  client.set('/big/end', true);

  assert.equal(client.getLastError()?.code, 402);
  assert.deepEqual(await inbox.until('/big/end'), []);
});

test('a value of 60 kB reaches subscribers and late joiners', async (t) => {
  const relay = await startRelay(t);
  const client = await connect(t, relay);
  const inbox = await listen(client, '/big/*');
  const value = new Uint8Array(60_000).fill(7);

  client.set('/big/value', value);

  const [, live] = await inbox.next();
  const late = await connect(t, relay);
  const stored = await within('the large value', late.get('/big/value'));
  assert.deepEqual([[...live], [...stored]], [[...value], [...value]]);
});

test('a locked parameter refuses others with 401', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/l/*');
  await lock(t, relay, '/l/level', 1);
  assert.deepEqual(await inbox.next(), ['/l/level', 1]);
  const client = await connect(t, relay);

  client.set('/l/level', 2);
  await settle(client);
  client.set('/l/end', true);

  const { code, address } = client.getLastError();
  assert.deepEqual([code, address], [401, '/l/level']);
  assert.deepEqual(await inbox.until('/l/end'), []);
});
