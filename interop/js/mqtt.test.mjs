// MQTT.js against the MQTT door, over TCP and WebSocket.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import mqtt from 'mqtt';
import { startRelay, within } from './support.mjs';

async function connect(t, url, options = {}) {
  const client = mqtt.connect(url, { reconnectPeriod: 0, ...options });
  t.after(() => client.endAsync(true));
  const [connack] = await within('CONNACK', once(client, 'connect'));
  return { client, connack };
}

for (const [name, scheme] of [['TCP', 'mqtt'], ['WebSocket', 'ws']]) {
  for (const protocolVersion of [4, 5]) {
    test(`MQTT.js in version ${protocolVersion} over ${name}`, async (t) => {
      const relay = await startRelay(t, 0, ['--mqtt-port', '0']);
      const url = `${scheme}://127.0.0.1:${relay.port}`;
      const { client } = await connect(t, url, { protocolVersion });
      const [granted] = await within('SUBACK', client.subscribeAsync('a/#', { qos: 2 }));
      assert.equal(granted.qos, 2);
      for (const qos of [0, 1, 2]) {
        const heard = within('a message', once(client, 'message'));
        await within('the acknowledgement', client.publishAsync('a/b', `{"n": ${qos}}`, { qos }));
        const [topic, payload, packet] = await heard;
        assert.deepEqual([topic, payload.toString(), packet.qos], ['a/b', `{"n": ${qos}}`, qos]);
      }
      await within('UNSUBACK', client.unsubscribeAsync('a/#'));
    });
  }
}

test('a kept session of MQTT.js gets what it has missed', async (t) => {
  const relay = await startRelay(t, 0, ['--mqtt-port', '0']);
  const url = `mqtt://127.0.0.1:${relay.port}`;
  const options = { clientId: 'kept', clean: false };
  const first = await connect(t, url, options);
  assert.equal(first.connack.sessionPresent, false);
  await within('SUBACK', first.client.subscribeAsync('jobs', { qos: 1 }));
  await first.client.endAsync();
  const { client: sender } = await connect(t, url);
  await within('PUBACK', sender.publishAsync('jobs', 'one', { qos: 1 }));
  const client = mqtt.connect(url, { reconnectPeriod: 0, ...options });
  t.after(() => client.endAsync(true));
  const [, payload] = await within('the message', once(client, 'message'));
  assert.equal(payload.toString(), 'one');
});
