// Bundles: whole, in order, on time, or not at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, listen, lock, settle, startRelay } from './support.mjs';

const AHEAD_US = 500_000;

test('all parts of a bundle arrive in order', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/b/*');
  const writer = await connect(t, relay);

  writer.bundle([{ set: ['/b/one', 1] }, { emit: ['/b/two', 2] }, { set: ['/b/three', 3] }]);

  assert.deepEqual(await inbox.next(), ['/b/one', 1]);
  assert.deepEqual(await inbox.next(), ['/b/two', 2]);
  assert.deepEqual(await inbox.next(), ['/b/three', 3]);
});

test('a bundle of a hundred parts arrives whole', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/b/*');
  const writer = await connect(t, relay);
  const parts = Array.from({ length: 100 }, (_, n) => [`/b/${n}`, n]);

  writer.bundle(parts.map((part) => ({ set: part })));

  for (const part of parts) assert.deepEqual(await inbox.next(), part);
});

test('a scheduled bundle waits for its time', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/b/*');
  const writer = await connect(t, relay);

  const at = Math.round(writer.time()) + AHEAD_US;
  writer.bundle([{ set: ['/b/one', 1] }, { set: ['/b/two', 2] }], { at });
  writer.emit('/b/marker', true);

  assert.deepEqual(await inbox.next(), ['/b/marker', true]);
  assert.deepEqual(await inbox.next(), ['/b/one', 1]);
  assert.deepEqual(await inbox.next(), ['/b/two', 2]);
});

test('a bundle with a locked part applies nothing', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/b/*');
  await lock(t, relay, '/b/locked', 0);
  assert.deepEqual(await inbox.next(), ['/b/locked', 0]);
  const writer = await connect(t, relay);

  writer.bundle([{ set: ['/b/before', 1] }, { set: ['/b/locked', 2] }, { emit: ['/b/after', 3] }]);
  await settle(writer);
  writer.emit('/b/marker', true);

  assert.deepEqual(await inbox.until('/b/marker'), []);
  assert.equal(writer.getLastError()?.code, 401);
});
