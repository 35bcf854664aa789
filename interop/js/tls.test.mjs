// Connecting over wss, with a certificate that the machine does not know.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { startRelay, within } from './support.mjs';

/** Paths of a certificate for 127.0.0.1 and of its key, removed at the end of the test. */
function certificate(t) {
  const folder = mkdtempSync(join(tmpdir(), 'clasp-interop-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
  const subject = '-subj /CN=relay -addext subjectAltName=IP:127.0.0.1';
  const options = [...`${request} ${subject}`.split(' '), '-keyout', key, '-out', cert];
  execFileSync('openssl', options, { stdio: 'ignore' });
  return { cert, key };
}

test('the JavaScript snippet works over wss', async (t) => {
  const { cert, key } = certificate(t);
  const relay = await startRelay(t, 0, ['--cert', cert, '--key', key]);
  // Read from stdin, so that its imports resolve in this folder.
  const source = openSync(new URL('../snippets/connect.mjs', import.meta.url));
  const url = relay.url.replace('ws://', 'wss://');
  const snippet = spawn(process.execPath, ['--input-type=module', '-'], {
    cwd: new URL('.', import.meta.url),
    env: { ...process.env, CLASP_URL: url, NODE_EXTRA_CA_CERTS: cert },
    stdio: [source, 'pipe', 'inherit'],
  });
  t.after(() => snippet.kill());

  const lines = createInterface({ input: snippet.stdout });
  const [line] = await within('a line of the snippet', once(lines, 'line'));
  assert.equal(line, '/lights/kitchen 0.5');
});
