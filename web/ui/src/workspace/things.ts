// What a key of a view stands for: values that can be filtered on, looked up, copied.
export type Kind = 'address' | 'netblock' | 'as' | 'group' | 'country' | 'port' | 'protocol' | 'application' | 'mac' | 'vlan' | 'interface' | 'exporter' | 'qos' | 'other';

export interface Thing {
	kind: Kind;
	/** as the server writes it */
	key: string;
	/** what filters on it: all of these together */
	tests: [field: string, value: string][];
	/** the fields of one side, if it has two */
	sides?: [client: string, server: string];
}

const one =
	(kind: Kind, field: string, sides?: [string, string]) =>
	(key: string): Thing[] => [{ kind, key, tests: [[field, key]], sides }];

function portProto(key: string): Thing {
	const [port = '', proto = ''] = key.split('/');
	if (/^(icmp|ipv6-icmp|icmp6|icmpv6)$/i.test(proto))
		return { kind: 'port', key, tests: [['PROTO', proto], ['ICMPTYPE', String(Math.floor(Number(port) / 256))], ['ICMPCODE', String(Number(port) % 256)]] };
	return { kind: 'port', key, tests: [['SRVPORT', port], ['PROTO', proto]] };
}

function service(key: string): Thing[] {
	const m = /^(?:\[([^\]]+)\]|([^:]+)):(.+)$/.exec(key);
	if (!m) return [{ kind: 'other', key, tests: [] }];
	const address = m[1] ?? m[2] ?? '';
	return [{ kind: 'address', key: address, tests: [['SRVIP', address]], sides: ['CLNIP', 'SRVIP'] }, portProto(m[3] ?? '')];
}

const FLAG_NAMES = ['FFIN', 'FSYN', 'FRST', 'FPSH', 'FACK', 'FURG', 'FECN', 'FCWR'];
export const flagNames = (n: number): string[] => FLAG_NAMES.filter((_, i) => n & (1 << i));

function exporterIf(key: string): Thing[] {
	const at = key.lastIndexOf('/');
	if (at < 0) return [{ kind: 'other', key, tests: [] }];
	return [{ kind: 'interface', key, tests: [['EXPIP', key.slice(0, at)], ['IFACE', key.slice(at + 1)]] }];
}

const SINGLE: Record<string, (key: string) => Thing[]> = {
	IP: one('address', 'ADDR', ['CLNIP', 'SRVIP']),
	NETBLOCK: one('netblock', 'BLK', ['CLNBLK', 'SRVBLK']),
	GROUP: one('group', 'GRP', ['CLNGRP', 'SRVGRP']),
	COUNTRY: one('country', 'CC', ['CLNCC', 'SRVCC']),
	ASN: one('as', 'ASN', ['CLNAS', 'SRVAS']),
	MAC: one('mac', 'MAC', ['CLNMAC', 'SRVMAC']),
	VLAN: one('vlan', 'VLAN', ['INVLAN', 'OUTVLAN']),
	IF: one('interface', 'IFACE', ['INIF', 'OUTIF']),
	EXPIF: exporterIf,
	EXPORTER: one('exporter', 'EXPIP'),
	GUID: one('other', 'GUID'),
	PROTO: one('protocol', 'PROTO'),
	APP: one('application', 'APP'),
	QOS: one('qos', 'TOS'),
	SRCPORT: one('port', 'PORT', ['CLNPORT', 'SRVPORT']),
	DSTPORT: one('port', 'PORT', ['CLNPORT', 'SRVPORT']),
	PORTPROTO: (key) => [portProto(key)],
	TCPFLAGS: (key) => [{ kind: 'other', key, tests: flagNames(Number(key)).map((f): [string, string] => ['FLAGS', f]) }],
	SERVICE: service,
};
const unknown = (key: string): Thing[] => [{ kind: 'other', key, tests: [] }];

/** The parts of a row's key that can be clicked, in the order in which they are shown. */
export function thingsOf(entity: string, key: string | string[]): Thing[] {
	if (!Array.isArray(key)) return (SINGLE[entity] ?? unknown)(key);
	if (entity === 'CLIENTSERVICE') return [{ kind: 'address', key: key[0] ?? '', tests: [['CLNIP', key[0] ?? '']], sides: ['CLNIP', 'SRVIP'] }, ...service(key[1] ?? '')];
	const single = SINGLE[entity.replace(/PAIR$/, '')] ?? unknown;
	return key.flatMap((k) => (k === '-' ? unknown(k) : single(k)));
}

const regions = typeof Intl.DisplayNames === 'function' ? new Intl.DisplayNames('en', { type: 'region' }) : undefined;
export function countryName(code: string): string {
	if (!/^[A-Z]{2}$/.test(code)) return code === '??' ? 'unknown' : code;
	try {
		return regions?.of(code) ?? code;
	} catch {
		return code;
	}
}
/** the flag as two regional letters; where fonts have none, browsers show the letters */
export function flag(code: string): string {
	return /^[A-Z]{2}$/.test(code) ? String.fromCodePoint(...[...code].map((c) => 0x1f1e6 + c.charCodeAt(0) - 65)) : '';
}

export interface Shown {
	main: string;
	/** beside it, dim */
	more?: string;
	flag?: string;
}
/** A part of a key for people. */
export function shown(t: Thing, name?: string | null): Shown {
	switch (t.kind) {
		case 'country':
			return { main: name ?? countryName(t.key), more: t.key === '??' ? undefined : t.key, flag: flag(t.key) };
		case 'as':
			if (t.key === '0') return { main: 'unknown', more: 'AS0' };
			return name ? { main: name, more: `AS${t.key}` } : { main: `AS${t.key}` };
		case 'other':
			if (t.tests[0]?.[0] === 'FLAGS') return { main: t.tests.map(([, v]) => v.slice(1)).join(' '), more: t.key };
			return name ? { main: name, more: t.key } : { main: t.key };
		default:
			return name ? { main: name, more: t.key } : { main: t.key };
	}
}
