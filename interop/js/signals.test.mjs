// Events, streams, gestures and timelines: passed on, never stored, never echoed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, listen, startRelay } from './support.mjs';

const MOVES = 50;

test('an event reaches subscribers but not its sender', async (t) => {
  const relay = await startRelay(t);
  const sender = await connect(t, relay);
  const own = await listen(sender, '/cue/**');
  const inbox = await listen(await connect(t, relay), '/cue/**');

  sender.emit('/cue/go', { bar: 4 });
  sender.set('/cue/end', true);

  assert.deepEqual(await inbox.until('/cue/end'), [['/cue/go', { bar: 4 }]]);
  assert.deepEqual(await own.until('/cue/end'), []);
});

test('an event is not kept for late joiners', async (t) => {
  const relay = await startRelay(t);
  const sender = await connect(t, relay);
  const own = await listen(sender, '/cue/**');
  sender.emit('/cue/go', 'now');
  sender.set('/cue/end', true);
  await own.next();

  const inbox = await listen(await connect(t, relay), '/cue/**');

  assert.deepEqual(inbox.pending(), [['/cue/end', true]]);
});

test('a stream arrives in order', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/fader/*');
  const sender = await connect(t, relay);
  const levels = Array.from({ length: 20 }, (_, n) => n / 20);

  for (const level of levels) sender.stream('/fader/1', level);

  for (const level of levels) assert.deepEqual(await inbox.next(), ['/fader/1', level]);
});

test('a gesture of three phases is three deliveries', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/pad/**');
  const sender = await connect(t, relay);

  for (const phase of ['start', 'move', 'end']) sender.gesture('/pad/touch', 7, phase, { x: 1 });
  sender.emit('/pad/done', true);

  const heard = (await inbox.until('/pad/done')).map(([, value]) => value);
  assert.deepEqual(heard, [
    { x: 1, phase: 'start', gestureId: 7 },
    { x: 1, phase: 'move', gestureId: 7 },
    { x: 1, phase: 'end', gestureId: 7 },
  ]);
});

test('a cancelled gesture ends with cancel', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/pad/**');
  const sender = await connect(t, relay);

  for (const phase of ['start', 'move', 'cancel']) sender.gesture('/pad/touch', 7, phase, {});
  sender.emit('/pad/done', true);

  const heard = (await inbox.until('/pad/done')).map(([, value]) => value.phase);
  assert.deepEqual(heard, ['start', 'move', 'cancel']);
});

test('the final move of a gesture arrives before its end', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/pad/**');
  const sender = await connect(t, relay);

  sender.gesture('/pad/touch', 7, 'start', { x: 0 });
  for (let x = 1; x <= MOVES; x += 1) sender.gesture('/pad/touch', 7, 'move', { x });
  sender.gesture('/pad/touch', 7, 'end', { x: MOVES });
  sender.emit('/pad/done', true);

  const heard = (await inbox.until('/pad/done')).map(([, { phase, x }]) => `${phase} ${x}`);
  assert.equal(heard[0], 'start 0');
  assert.deepEqual(heard.slice(-2), [`move ${MOVES}`, `end ${MOVES}`]);
});

test('a timeline arrives', async (t) => {
  const relay = await startRelay(t);
  const inbox = await listen(await connect(t, relay), '/show/*');
  const sender = await connect(t, relay);

  sender.timeline('/show/fade', [{ time: 0, value: 0 }, { time: 1_000_000, value: 1 }]);

  const [address] = await inbox.next();
  assert.equal(address, '/show/fade');
});
