// Params and events over HTTP: fetch writes, a published EventSource listens, and the published
// client is at the other end.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EventSource } from 'eventsource';
import { connect, Inbox, startRelay, subscribe, within } from './support.mjs';

const api = (relay) => `http://127.0.0.1:${relay.port}/api/v1`;

/** Opens a stream of these addresses and waits until it has told what there is. */
async function listen(t, relay, pattern) {
  const source = new EventSource(`${api(relay)}/subscribe?pattern=${pattern}`);
  t.after(() => source.close());
  const inbox = new Inbox();
  source.addEventListener('message', ({ data }) => {
    const { address, value } = JSON.parse(data);
    inbox.push([address, value]);
  });
  await ready(source);
  return { source, inbox };
}

/** The next `ready` of a stream. */
async function ready(source) {
  const told = new Promise((resolve) => {
    source.addEventListener('ready', ({ data }) => resolve(JSON.parse(data)), { once: true });
  });
  return within('a stream that is ready', told);
}

async function send(relay, method, path, body) {
  // Without the header fetch calls a string text/plain, which would be a string at the other end.
  const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const options = { method, ...(body === undefined ? {} : json) };
  const answer = await within(`${method} ${path}`, fetch(`${api(relay)}${path}`, options));
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer;
}

test('fetch, EventSource and the published client see the same values', async (t) => {
  const relay = await startRelay(t);
  const { inbox } = await listen(t, relay, '/lights/**');
  const client = await connect(t, relay);
  const heard = subscribe(client, '/lights/**');

  const put = await send(relay, 'PUT', '/params/lights/1/level', 0.5);
  assert.equal(put.headers.get('etag'), '"1"');
  assert.deepEqual(await inbox.next(), ['/lights/1/level', 0.5]);
  assert.deepEqual(await heard.next(), ['/lights/1/level', 0.5]);

  client.set('/lights/2', { on: true, color: [1, 2, 3] });
  assert.deepEqual(await inbox.next(), ['/lights/2', { on: true, color: [1, 2, 3] }]);
  const got = await send(relay, 'GET', '/params/lights/2');
  assert.deepEqual((await got.json()).value, { on: true, color: [1, 2, 3] });

  client.emit('/lights/go', 7);
  assert.deepEqual(await inbox.next(), ['/lights/go', 7]);
});

test('an EventSource that reconnects hears what it missed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'clasp-interop-http-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const options = ['--journal', join(folder, 'journal.db')];
  const before = await startRelay(t, 0, options);
  const { source, inbox } = await listen(t, before, '/cue');
  await send(before, 'POST', '/events/cue', 1);
  assert.deepEqual(await inbox.next(), ['/cue', 1]);
  const lost = new Promise((resolve) => {
    source.addEventListener('error', resolve, { once: true });
  });
  assert.equal(await before.stop(), 0);
  await within('the loss of the stream', lost);

  const back = ready(source);
  const after = await startRelay(t, before.port, options);
  await send(after, 'POST', '/events/cue', 2);
  assert.equal((await back).resumed, true);
  assert.deepEqual(await inbox.next(), ['/cue', 2]);
  assert.deepEqual(inbox.pending(), []);
});
