// Patterns, their reach, and the end of a subscription.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, listen, settle, startRelay, subscribe } from './support.mjs';

// What a listener to `pattern` hears of values set at `addresses`, up to the one set at `end`.
async function heard(t, pattern, addresses, end) {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), pattern);
  const writer = await connect(t, relay);
  for (const address of addresses) writer.set(address, 1);
  writer.set(end, true);
  return (await inbox.until(end)).map(([address]) => address);
}

test('a single star matches one segment only', async (t) => {
  const addresses = ['/a/b/c', '/a', '/b/a', '/a/b'];

  assert.deepEqual(await heard(t, '/a/*', addresses, '/a/end'), ['/a/b']);
});

test('a double star matches any depth', async (t) => {
  const addresses = ['/a/b', '/b/a', '/a/b/c', '/a/b/c/d'];

  const deep = ['/a/b', '/a/b/c', '/a/b/c/d'];
  assert.deepEqual(await heard(t, '/a/**', addresses, '/a/end'), deep);
});

test('a star in the middle matches every room', async (t) => {
  const addresses = ['/house/hall/light', '/house/hall/door', '/house/hall/x/light'];

  const lights = await heard(t, '/house/*/light', addresses, '/house/end/light');
  assert.deepEqual(lights, ['/house/hall/light']);
});

test('overlapping subscriptions each hear a value once', async (t) => {
  const relay = await startRelay(t);
  const reader = await connect(t, relay);
  const inboxes = [await listen(reader, '/o/*'), await listen(reader, '/o/**')];
  const writer = await connect(t, relay);

  writer.set('/o/level', 1);
  writer.set('/o/end', true);

  for (const inbox of inboxes) assert.deepEqual(await inbox.until('/o/end'), [['/o/level', 1]]);
});

test('nothing arrives after unsubscribe', async (t) => {
  const relay = await startRelay(t);
  const reader = await connect(t, relay);
  const ended = subscribe(reader, '/u/*');
  const kept = await listen(reader, '/u/end');
  ended.unsubscribe();
  await settle(reader);
  const writer = await connect(t, relay);

  writer.set('/u/level', 1);
  writer.set('/u/end', true);

  assert.deepEqual(await kept.next(), ['/u/end', true]);
  assert.deepEqual(ended.pending(), []);
});
