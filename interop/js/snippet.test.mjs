// The snippet that the README quotes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { startRelay, within } from './support.mjs';

test('the JavaScript snippet prints the value it set', async (t) => {
  const relay = await startRelay(t);
  // Read from stdin, so that its imports resolve in this folder.
  const source = openSync(new URL('../snippets/connect.mjs', import.meta.url));
  const snippet = spawn(process.execPath, ['--input-type=module', '-'], {
    cwd: new URL('.', import.meta.url),
    env: { ...process.env, CLASP_URL: relay.url },
    stdio: [source, 'pipe', 'inherit'],
  });
  t.after(() => snippet.kill());

  const lines = createInterface({ input: snippet.stdout });
  const [line] = await within('a line of the snippet', once(lines, 'line'));
  assert.equal(line, '/lights/kitchen 0.5');
});
