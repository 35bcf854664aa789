// The JavaScript side of the cross-language test: `node peer.mjs <url>`.
//
// Sets one value of each type below /from/js, then prints what arrives below /from, one
// `<address> <description>` a line, until it is killed.

import { Clasp } from '@clasp-to/core';
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket;
console.debug = () => {};

const VALUES = {
  int: 7,
  float: 0.5,
  string: 'hé',
  bool: true,
  null: null,
  bytes: new Uint8Array([0x01, 0xff]),
  array: [7, 'x', null],
  map: { k: [0.5] },
};

function describe(value) {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return `bool:${value}`;
  if (ArrayBuffer.isView(value)) return `bytes:${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return `[${value.map(describe).join(' ')}]`;
  if (typeof value !== 'object') return `${typeof value}:${value}`;
  const entries = Object.entries(value).map(([key, item]) => `${key}=${describe(item)}`);
  return `{${entries.join(' ')}}`;
}

const client = await Clasp.builder(process.argv[2]).connect();
for (const [kind, value] of Object.entries(VALUES)) client.set(`/from/js/${kind}`, value);
client.on('/from/**', (value, address) => console.log(address, describe(value)));
