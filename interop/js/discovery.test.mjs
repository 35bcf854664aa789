// The directory of relays. The published package has no call of its own for it, so pages ask with
// fetch, by the short path that SDKs take, and connect where `url` says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, listen, startRelay, within } from './support.mjs';

test('a page finds a listed relay at /discover and connects to its url', async (t) => {
  const home = await startRelay(t, 0, ['--rendezvous-port', 'auto']);
  const directory = await home.directory();
  const ask = (path, headers) => within(path, fetch(`${directory}${path}`, { headers }));
  const nobody = await ask('/discover?tag=stage');
  assert.deepEqual(await nobody.json(), []);

  const options = ['--name', 'Stage', '--rendezvous-url', directory, '--rendezvous-tag', 'stage'];
  const stage = await startRelay(t, 0, options);
  let listed = [];
  for (let etag = nobody.headers.get('etag'); listed.length === 0;) {
    const answer = await ask('/discover?tag=stage&wait=10', { 'if-none-match': etag });
    etag = answer.headers.get('etag') ?? etag;
    if (answer.status === 200) listed = await answer.json();
  }
  const [{ name, url, source }] = listed;
  assert.deepEqual({ name, url, source }, { name: 'Stage', url: stage.url, source: 'rendezvous' });

  const client = await connect(t, { url });
  const inbox = await listen(client, '/found');
  client.set('/found', true);
  assert.deepEqual(await inbox.next(), ['/found', true]);
});
