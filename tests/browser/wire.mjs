// An exporter of NetFlow 9 (RFC 3954) of our own, which calls applications and interfaces what it likes, by option records.
import { createSocket } from 'node:dgram';

const u16 = (...n) => Buffer.concat(n.map((v) => Buffer.from([v >> 8, v & 255])));
const u32 = (...n) => Buffer.concat(n.map((v) => Buffer.from([v >>> 24, (v >> 16) & 255, (v >> 8) & 255, v & 255])));
const ip = (text) => Buffer.from(text.split('.').map(Number));
const fixed = (text, n) => Buffer.concat([Buffer.from(text), Buffer.alloc(n)]).subarray(0, n);
const set = (id, ...parts) => {
	const body = Buffer.concat(parts);
	const pad = Buffer.alloc((4 - (body.length % 4)) % 4);
	return Buffer.concat([u16(id, 4 + body.length + pad.length), body, pad]);
};
// addresses, ports, protocol, bytes, packets, first and last seen, interfaces, application
const FLOW = [[8, 4], [12, 4], [7, 2], [11, 2], [4, 1], [1, 4], [2, 4], [22, 4], [21, 4], [10, 4], [14, 4], [95, 4]];
const NAME = 64;
const NBAR = 13;

/**
 * Sends one flow from `client`, through interfaces 1 and 2 that are called `inside` and `outside`, of an application called `app`.
 * `from`: the address it is sent from.
 */
export async function tell(port, { from, client, inside, outside, app }) {
	const s = createSocket('udp4');
	await new Promise((ok, bad) => s.once('error', bad).bind(0, from, ok));
	let sequence = 0;
	const now = Math.floor(Date.now() / 1000);
	const send = (...sets) =>
		new Promise((ok, bad) => s.send(Buffer.concat([u16(9, sets.length), u32(1_000_000, now, ++sequence, 7), ...sets]), port, '127.0.0.1', (e) => (e ? bad(e) : ok())));
	const options = (id, scope, fields) => set(1, u16(id, 4 * scope.length, 4 * fields.length, ...scope.flat(), ...fields.flat()));
	const number = u32((NBAR << 24) | 700);
	await send(options(261, [[1, 4]], [[95, 4], [96, NAME]]), options(262, [[2, 4]], [[82, NAME], [83, NAME]]), set(0, u16(260, FLOW.length, ...FLOW.flat())));
	await send(set(261, u32(1), number, fixed(app, NAME)), set(262, u32(1), fixed(inside, NAME), fixed(inside, NAME), u32(2), fixed(outside, NAME), fixed(outside, NAME)));
	await send(set(260, ip(client), ip('10.9.0.1'), u16(40000, 443), Buffer.from([6]), u32(900_000_000, 700_000, 990_000, 995_000, 1, 2), number));
	s.close();
}
