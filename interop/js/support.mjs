// A relay as a child process, and published clients whose deliveries are awaited with a deadline.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Clasp, encode } from '@clasp-to/core';
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket; // Node 20 has none of its own
console.debug = () => {}; // the client reports every ACK there

const DEADLINE_MS = 15_000;
const HOST = '127.0.0.1';

// Parameters that every relay under test holds, so that a GET of the one and a subscription to the
// other are answered. They differ because a GET answered late would pass for the other answer.
const JOINED = '/interop/joined';
const READY = '/interop/ready';

/** Resolves like `promise`, or rejects with `what` once the deadline is over. */
export async function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    const seconds = DEADLINE_MS / 1000;
    timer = setTimeout(() => reject(new Error(`${what}: not within ${seconds} s`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The deliveries of one subscription, in order. */
export class Inbox {
  #heard = [];
  #wake = () => {};

  push(delivery) {
    this.#heard.push(delivery);
    this.#wake();
  }

  /** The next delivery as `[address, value]`. */
  async next() {
    while (this.#heard.length === 0) {
      await within('a delivery', new Promise((resolve) => { this.#wake = resolve; }));
    }
    return this.#heard.shift();
  }

  /** Everything heard before the delivery at `address`, which is taken too. */
  async until(address) {
    const before = [];
    for (;;) {
      const delivery = await this.next();
      if (delivery[0] === address) return before;
      before.push(delivery);
    }
  }

  /** What has arrived and was not taken yet. */
  pending() {
    return this.#heard.splice(0);
  }
}

/** Starts the program named by CLASP_RELAY_BIN; it is killed when the test `t` ends. */
export async function startRelay(t, port = 0, options = []) {
  const program = process.env.CLASP_RELAY_BIN;
  if (!program) throw new Error('CLASP_RELAY_BIN does not name the relay program to test');
  const { LOG_FORMAT: _, ...env } = process.env;
  const child = spawn(program, ['--host', HOST, '--port', String(port), ...options], {
    env: { ...env, RUST_LOG: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const [auth, directory] = ['auth', 'rendezvous'].map((page) => pageUrl(lines, page));
  const bound = await within('the `listening on` line', listeningPort(child, lines));
  const relay = {
    port: bound,
    url: `ws://${HOST}:${bound}`,
    /** Where tokens are had, of a relay with --auth-port 0. */
    auth: () => within('the `auth` line', auth),
    /** Where relays are listed, of a relay with --rendezvous-port. */
    directory: () => within('the `rendezvous` line', directory),
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = await within('the exit of the relay', ended);
      return code;
    },
  };
  await storeReady(relay);
  return relay;
}

function pageUrl(lines, name) {
  const mark = new RegExp(`${name}: (http://[^/]+)/`);
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      const found = mark.exec(line);
      if (found) resolve(found[1]);
    });
  });
}

function listeningPort(child, lines) {
  const mark = new RegExp(`listening on ${HOST.replaceAll('.', '\\.')}:(\\d+)`);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the relay ended with code ${code}`)));
    lines.on('line', (line) => {
      const found = mark.exec(line);
      if (found) resolve(Number(found[1]));
    });
  });
}

async function storeReady(relay) {
  const client = await Clasp.builder(relay.url).reconnect(false).connect();
  const echoed = new Promise((resolve) => { client.on(READY, resolve); });
  client.set(JOINED, true);
  client.set(READY, true);
  await within('the echo of the first values', echoed);
  client.close();
}

/** Connects a client, waits for its initial snapshot, and closes it when the test ends. */
export async function connect(t, relay, configure = (builder) => builder.reconnect(false)) {
  const client = await within('WELCOME', configure(Clasp.builder(relay.url)).connect());
  t.after(() => client.close());
  await within('the initial snapshot', client.get(JOINED));
  return client;
}

/** Subscribes without waiting for the relay. */
export function subscribe(client, pattern) {
  const inbox = new Inbox();
  inbox.unsubscribe = client.on(pattern, (value, address) => inbox.push([address, value]));
  return inbox;
}

/** Subscribes and waits until that is in force; not for patterns that match /interop/ready. */
export async function listen(client, pattern) {
  const inbox = subscribe(client, pattern);
  await settle(client);
  return inbox;
}

/** Waits until the relay has answered everything that this client sent so far. */
export async function settle(client) {
  let unsubscribe;
  const answered = new Promise((resolve) => { unsubscribe = client.on(READY, resolve); });
  await within('the answer to a subscription', answered);
  unsubscribe();
}

/** The published client cannot lock, so this one is a bare socket with the package's codec. */
export async function lock(t, relay, address, value) {
  const socket = new WebSocket(relay.url, 'clasp');
  t.after(() => socket.terminate());
  await within('the socket', once(socket, 'open'));
  socket.send(encode({ type: 'HELLO', version: 1, name: 'holder', features: ['param'] }));
  socket.send(encode({ type: 'SET', address, value, lock: true }));
  return socket;
}
