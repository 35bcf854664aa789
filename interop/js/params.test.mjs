// Parameters: round trips of every value type, and snapshots.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, listen, settle, startRelay, within } from './support.mjs';

// One value of each type that this client can send; every number travels as a float.
const VALUES = {
  float: 0.25,
  whole: -42,
  string: 'Grüße, 世界',
  empty: '',
  true: true,
  false: false,
  null: null,
  bytes: new Uint8Array([0, 1, 0xff, 0x53]),
  array: [1, 'two', null],
  map: { name: 'lamp', levels: [1, 0.5] },
};

// The client hands out bytes as any view; only their content counts.
const plain = (value) => (ArrayBuffer.isView(value) ? [...value] : value);

test('every value type survives set and get', async (t) => {
  const relay = await startRelay(t);
  const [writer, reader] = [await connect(t, relay), await connect(t, relay)];
  for (const [name, value] of Object.entries(VALUES)) writer.set(`/types/${name}`, value);
  await settle(writer);

  for (const [name, value] of Object.entries(VALUES)) {
    const got = await within('a value', reader.get(`/types/${name}`));
    assert.deepEqual(plain(got), plain(value), name);
  }
});

test('every value type reaches a subscriber', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/types/*');
  const writer = await connect(t, relay);

  for (const [name, value] of Object.entries(VALUES)) writer.set(`/types/${name}`, value);

  for (const [name, value] of Object.entries(VALUES)) {
    const [address, got] = await inbox.next();
    assert.deepEqual([address, plain(got)], [`/types/${name}`, plain(value)]);
  }
});

test('a value outlives the client that set it', async (t) => {
  const relay = await startRelay(t);
  const leaving = await connect(t, relay);
  leaving.set('/left/behind', 'still here');
  await settle(leaving);
  const gone = new Promise((resolve) => { leaving.onDisconnect(resolve); });
  leaving.close();
  await within('the close', gone);

  const late = await connect(t, relay);

  assert.equal(late.cached('/left/behind'), 'still here');
  assert.equal(await within('the value', late.get('/left/behind')), 'still here');
});

test('a late joiner gets the latest value only', async (t) => {
  const relay = await startRelay(t);
  const writer = await connect(t, relay);
  for (const level of [1, 2, 3, 4, 5]) writer.set('/late/level', level);
  await settle(writer);

  const inbox = await listen(await connect(t, relay), '/late/**');

  assert.deepEqual(inbox.pending(), [['/late/level', 5]]);
});

test('the writer hears its own set', async (t) => {
  const relay = await startRelay(t);
  const client = await connect(t, relay);
  const inbox = await listen(client, '/own/*');

  client.set('/own/level', 3);

  assert.deepEqual(await inbox.next(), ['/own/level', 3]);
});
