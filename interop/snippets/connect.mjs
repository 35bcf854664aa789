import { Clasp } from '@clasp-to/core';
globalThis.WebSocket ??= (await import('ws')).WebSocket; // Node before 22
const client = await Clasp.builder(process.env.CLASP_URL ?? 'ws://localhost:7330').connect();
client.on('/lights/**', (value, address) => console.log(address, value));
client.set('/lights/kitchen', 0.5);
