// Every column of a session, once: its head, how its value reads, what the server sorts it by, and the filter that a
// click on it makes.  Names are those of JSON and CSV (docs/query.md).
import { bytes, count, duration } from '@/words/format';
import { dateTime } from '@/words/clock';

export type Value = string | number | boolean | null | undefined | Record<string, unknown>;
export type Row = Record<string, Value>;

export interface Column {
	key: string;
	title: string;
	group: 'Time' | 'Client' | 'Server' | 'Traffic' | 'Exporter' | 'Routing' | 'Application' | 'Firewall and NAT' | 'Session';
	width: number;
	/** numbers stand right */
	right?: boolean;
	/** shown unless the user chose otherwise */
	usual?: boolean;
	/** what `sessions` sorts it by; the rest sorts only within a file */
	sort?: string;
	/** computed: not a member of the row */
	of?: (r: Row) => Value;
	text?: (v: Exclude<Value, null | undefined>, r: Row, zone: string) => string;
	/** the filter that selects this value */
	filter?: (v: string | number, r: Row) => string;
	help?: string;
}

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECN', 'CWR'];
export function flagsText(v: number): string {
	const names = FLAGS.filter((_, i) => v & (1 << i));
	return names.length ? names.join(' ') : 'none';
}

const PROTOCOLS: Record<number, string> = {
	1: 'ICMP', 2: 'IGMP', 4: 'IPIP', 6: 'TCP', 17: 'UDP', 41: 'IPv6', 47: 'GRE', 50: 'ESP', 51: 'AH', 58: 'ICMPv6', 88: 'EIGRP', 89: 'OSPF',
	103: 'PIM', 112: 'VRRP', 132: 'SCTP',
};
export const protocolName = (n: number): string => PROTOCOLS[n] ?? String(n);

const VERSIONS: Record<number, string> = { 1: 'NetFlow v1', 5: 'NetFlow v5', 7: 'NetFlow v7', 9: 'NetFlow v9', 10: 'IPFIX', 18: 'sFlow v2', 20: 'sFlow v4', 21: 'sFlow v5' };
const RULES: Record<string, string> = {
	exporter: 'the exporter said so', syn: 'who sent the SYN', icmp: 'the ICMP type', service: 'the known service', time: 'who sent first', port: 'the lower port', only: 'one direction only',
};
const ENDS: Record<string, string> = {
	fin: 'closed (FIN)', rst: 'reset (RST)', timeout: 'went idle', toolong: 'too long: goes on under a new id', evicted: 'room was needed', new: 'the same ports opened anew', exporter: 'the exporter said so',
};

const num = (v: Value): number => (typeof v === 'number' ? v : Number(v ?? 0) || 0);
const sum = (a: string, b: string) => (r: Row) => num(r[a]) + num(r[b]);
const time = (v: Value, _r: Row, zone: string) => dateTime(num(v), zone, 3);
const byteText = (v: Value) => bytes(num(v));
const whole = (v: Value) => count(num(v));
const quoted = (v: string | number) => (/^[\w.:/-]+$/.test(String(v)) ? String(v) : `"${String(v).replace(/[\\"]/g, '\\$&')}"`);
const is = (field: string) => (v: string | number) => `${field} == ${quoted(v)}`;
const port = (field: string) => (v: string | number, r: Row) => `${field} == ${v} && PROTO == ${num(r.proto)}`;

function pair(client: Omit<Column, 'title' | 'key' | 'group'>, name: string, title: string, clientField?: string, serverField?: string, fit: (f: string) => Column['filter'] = is): Column[] {
	return [
		{ ...client, key: `client_${name}`, title: `Client ${title}`, group: 'Client', filter: clientField ? fit(clientField) : undefined },
		{ ...client, key: `server_${name}`, title: `Server ${title}`, group: 'Server', filter: serverField ? fit(serverField) : undefined },
	];
}

export const COLUMNS: Column[] = [
	{ key: 'first_us', title: 'Start', group: 'Time', width: 188, usual: true, sort: 'first_us', text: time },
	{ key: 'last_us', title: 'End', group: 'Time', width: 188, sort: 'last_us', text: time, help: 'last packet known' },
	{ key: 'duration', title: 'Duration', group: 'Time', width: 92, right: true, usual: true, sort: 'duration', of: (r) => num(r.last_us) - num(r.first_us), text: (v) => duration(num(v)) },
	...pair({ width: 168, usual: true }, 'ip', 'address', 'CLNIP', 'SRVIP').map((c) => ({ ...c, sort: c.key })),
	...pair({ width: 106, right: true, usual: true }, 'port', 'port', 'CLNPORT', 'SRVPORT', port).map((c) => ({ ...c, sort: c.key })),
	{ key: 'proto', title: 'Protocol', group: 'Traffic', width: 90, usual: true, sort: 'proto', text: (v) => protocolName(num(v)), filter: is('PROTO') },
	{ key: 'app_name', title: 'Application', group: 'Application', width: 130, usual: true, filter: is('APP') },
	{ key: 'app_id', title: 'Application id', group: 'Application', width: 110 },
	{ key: 'bytes', title: 'Bytes', group: 'Traffic', width: 92, right: true, usual: true, sort: 'bytes', of: sum('client_bytes', 'server_bytes'), text: byteText },
	{ key: 'packets', title: 'Packets', group: 'Traffic', width: 92, right: true, usual: true, sort: 'packets', of: sum('client_packets', 'server_packets'), text: whole },
	...pair({ width: 108, right: true, text: byteText, usual: true }, 'bytes', 'bytes').map((c) => ({ ...c, sort: c.key, help: `bytes that the ${c.group.toLowerCase()} sent` })),
	...pair({ width: 118, right: true, text: whole }, 'packets', 'packets').map((c) => ({ ...c, sort: c.key })),
	...pair({ width: 104, right: true, text: whole }, 'flows', 'flows').map((c) => ({ ...c, sort: c.key, help: 'export records merged into it' })),
	...pair({ width: 150, text: (v: Value) => flagsText(num(v)) }, 'flags', 'TCP flags'),
	...pair({ width: 92, right: true }, 'tos', 'TOS', 'TOS', 'TOS'),
	...pair({ width: 110 }, 'country', 'country', 'CLNCC', 'SRVCC'),
	...pair({ width: 96, right: true, text: (v: Value) => `AS${num(v)}` }, 'as', 'AS', 'CLNAS', 'SRVAS'),
	...pair({ width: 160 }, 'netblock', 'netblock', 'CLNBLK', 'SRVBLK'),
	...pair({ width: 160 }, 'group', 'group', 'CLNGRP', 'SRVGRP'),
	...pair({ width: 150 }, 'mac', 'MAC', 'CLNMAC', 'SRVMAC'),
	...pair({ width: 96, right: true }, 'vlan', 'VLAN', 'VLAN', 'VLAN'),
	...pair({ width: 96, right: true }, 'mask', 'mask', 'CLNMASK', 'SRVMASK'),
	{ key: 'exporter_ip', title: 'Exporter', group: 'Exporter', width: 150, filter: is('EXPIP') },
	{ key: 'exporter_domain', title: 'Domain', group: 'Exporter', width: 90, right: true, filter: is('DOMAIN') },
	{ key: 'export_version', title: 'Version', group: 'Exporter', width: 104, text: (v) => VERSIONS[num(v)] ?? String(v), filter: is('EXPV') },
	{ key: 'guid', title: 'Proxy GUID', group: 'Exporter', width: 290, filter: (v) => `GUID == ${v}` },
	{ key: 'in_if', title: 'In interface', group: 'Exporter', width: 100, right: true, filter: is('INIF'), help: 'as the client’s packets saw it' },
	{ key: 'in_if_name', title: 'In interface name', group: 'Exporter', width: 150 },
	{ key: 'out_if', title: 'Out interface', group: 'Exporter', width: 104, right: true, filter: is('OUTIF') },
	{ key: 'out_if_name', title: 'Out interface name', group: 'Exporter', width: 150 },
	{ key: 'sampling_rate', title: 'Sampling', group: 'Exporter', width: 92, right: true, text: (v) => (num(v) > 1 ? `1 in ${count(num(v))}` : 'none'), filter: is('SAMPLING') },
	{ key: 'next_hop', title: 'Next hop', group: 'Routing', width: 150, filter: is('NEXTHOP') },
	{ key: 'mpls_label', title: 'MPLS label', group: 'Routing', width: 104, right: true, filter: is('MPLS') },
	{ key: 'vrf_id', title: 'VRF', group: 'Routing', width: 80, right: true, filter: is('VRF') },
	{ key: 'forwarding_status', title: 'Forwarding status', group: 'Routing', width: 130, right: true, filter: is('FWDSTATUS') },
	{ key: 'icmp_type', title: 'ICMP type', group: 'Traffic', width: 92, right: true, filter: is('ICMPTYPE') },
	{ key: 'icmp_code', title: 'ICMP code', group: 'Traffic', width: 92, right: true, filter: is('ICMPCODE') },
	{ key: 'nsel_event', title: 'Firewall event', group: 'Firewall and NAT', width: 120, filter: is('ASAEVT') },
	{ key: 'nsel_ext_event', title: 'Extended event', group: 'Firewall and NAT', width: 130, filter: is('ASAEXTEVT') },
	{ key: 'nat_client_ip', title: 'NAT client address', group: 'Firewall and NAT', width: 160, filter: is('NATIP') },
	{ key: 'nat_client_port', title: 'NAT client port', group: 'Firewall and NAT', width: 124, right: true, filter: is('NATPORT') },
	{ key: 'nat_server_ip', title: 'NAT server address', group: 'Firewall and NAT', width: 160, filter: is('NATIP') },
	{ key: 'nat_server_port', title: 'NAT server port', group: 'Firewall and NAT', width: 128, right: true, filter: is('NATPORT') },
	{ key: 'session_id', title: 'Session id', group: 'Session', width: 170, right: true, filter: is('SESSION') },
	{ key: 'end_reason', title: 'How it ended', group: 'Session', width: 170, text: (v) => ENDS[String(v)] ?? String(v) },
	{ key: 'direction_rule', title: 'Client known by', group: 'Session', width: 160, text: (v) => RULES[String(v)] ?? String(v) },
	{ key: 'direction_disputed', title: 'Direction disputed', group: 'Session', width: 130, text: (v) => (v === true || v === 'true' ? 'yes' : 'no') },
	{ key: 'elements', title: 'Kept elements', group: 'Session', width: 260, text: (v) => (typeof v === 'object' ? JSON.stringify(v) : String(v)) },
];
export const COLUMN = new Map(COLUMNS.map((c) => [c.key, c]));
export const USUAL = COLUMNS.filter((c) => c.usual).map((c) => c.key);

export const valueOf = (c: Column, r: Row): Value => (c.of ? c.of(r) : r[c.key]);

export function textOf(c: Column, r: Row, zone: string): string {
	const v = valueOf(c, r);
	if (v === null || v === undefined || v === '') return '';
	return c.text ? c.text(v, r, zone) : String(v);
}

/** the filter a click on the cell makes, '' if there is none */
export function filterOf(c: Column, r: Row): string {
	const v = valueOf(c, r);
	if (!c.filter || v === null || v === undefined || v === '' || typeof v === 'boolean' || typeof v === 'object') return '';
	return c.filter(v, r);
}

/** does the session reach out of the frame: before it, beyond its end (or is its end not known yet), both? */
export type Crossing = '' | 'before' | 'after' | 'both';
export function crossing(r: Row, fromUs: number, toUs: number): Crossing {
	const before = num(r.first_us) < fromUs;
	const after = num(r.last_us) >= toUs || r.complete === false;
	return before ? (after ? 'both' : 'before') : after ? 'after' : '';
}
