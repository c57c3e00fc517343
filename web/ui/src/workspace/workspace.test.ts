import { describe, expect, it } from 'vitest';
import { DEFAULT, type Workspace } from '@/state/view';
import type { View } from './data';
import { callsOf, fileName } from './export';
import { pictureOf, ticksOf } from './picture';
import { readWsFile, stateOf, workspaceFrom, writeWsFile } from './saved_state';
import { flag, shown, thingsOf } from './things';
import { measureOf, viewTitle } from './words';
import { withTests } from './value_menu';

const look = { dark: true, dim: '', line: '', hatch: '', font: '' };

describe('keys of views', () => {
	it('become values to filter on', () => {
		expect(thingsOf('IP', '10.0.0.1')[0]).toMatchObject({ kind: 'address', tests: [['ADDR', '10.0.0.1']], sides: ['CLNIP', 'SRVIP'] });
		expect(thingsOf('PORTPROTO', '443/TCP')[0]?.tests).toEqual([['SRVPORT', '443'], ['PROTO', 'TCP']]);
		expect(thingsOf('PORTPROTO', '2048/ICMP')[0]?.tests).toEqual([['PROTO', 'ICMP'], ['ICMPTYPE', '8'], ['ICMPCODE', '0']]);
		expect(thingsOf('SERVICE', '[2001:db8::1]:443/TCP').map((t) => t.key)).toEqual(['2001:db8::1', '443/TCP']);
		expect(thingsOf('IPPAIR', ['10.0.0.1', '-']).map((t) => t.tests.length)).toEqual([1, 0]);
		expect(thingsOf('EXPIF', '192.0.2.1/3')[0]?.tests).toEqual([['EXPIP', '192.0.2.1'], ['IFACE', '3']]);
		expect(thingsOf('TCPFLAGS', '18')[0]?.tests).toEqual([['FLAGS', 'FSYN'], ['FLAGS', 'FACK']]);
		expect(thingsOf('NEWER', 'x')[0]?.tests).toEqual([]);
	});
	it('read as people say them', () => {
		const country = thingsOf('COUNTRY', 'DE')[0];
		expect(country && shown(country)).toMatchObject({ main: 'Germany', more: 'DE', flag: flag('DE') });
		expect(flag('??')).toBe('');
	});
	it('narrow a filter, all their tests together', () => {
		expect(withTests('ADDR == ::1', [['SRVPORT', '443'], ['PROTO', 'TCP']], false)).toBe('ADDR == ::1 && SRVPORT == 443 && PROTO == TCP');
		expect(withTests('ADDR == ::1', [['SRVPORT', '443'], ['PROTO', 'TCP']], true)).toBe('(ADDR == ::1) && !(SRVPORT == 443 && PROTO == TCP)');
	});
});

describe('the picture of a view', () => {
	const row = (key: string, series: number[]) => ({ key, label: null, value: 0, percent: 0, bytes_sent: 0, bytes_received: 0, packets_sent: 0, packets_received: 0, sessions_initiated: 0, sessions_accepted: 0, colour: 0, series });
	const view = {
		entity: 'IP', count: 'BYTES', direction: 'total', offset: 0, slots: 4, from_us: 0, to_us: 40e6, complete_until_us: 35e6,
		rows: [row('a', [10, 20, 30, 40]), row('b', [1, 1, 1, 1])], other: { count: 3, value: 8, series: [0, 0, 0, 8] },
	} as unknown as View;
	const rows = view.rows.map((r, i) => ({ row: r, name: String(r.key), colour: i }));
	const how = { zone: 'UTC', width: 800, look, ranked: true };
	it('has the top series first, the rest last, in rates', () => {
		const p = pictureOf(view, rows, measureOf('BYTES', 'bits'), { ...how, type: 'bars' });
		expect(p.series.map((s) => s.name)).toEqual(['a', 'b', 'Other']);
		expect(p.series[0]?.values).toEqual([8, 16, 24, 32]); // bytes a slot of 10 s, in bit/s
		expect(p.times).toEqual([5000, 15000, 25000, 35000]);
	});
	it('runs from edge to edge as areas, and knows from where on it is not complete', () => {
		const p = pictureOf(view, rows, measureOf('BYTES', 'bytes'), { ...how, type: 'area' });
		expect(p.times[0]).toBe(0);
		expect(p.times.at(-1)).toBe(40000);
		expect(p.series[0]?.values).toEqual([1, 1, 2, 3, 4, 4]);
		expect(p.incomplete).toBe(35000);
	});
	it('has ticks at round times of the zone, the date where it changes', () => {
		const from = Date.parse('2026-11-24T22:00Z');
		const ticks = ticksOf(from, from + 6 * 3600e3, 'Europe/Berlin', 7);
		expect(ticks.map((t) => t.text)).toEqual(['23:00', '25 Nov', '01:00', '02:00', '03:00', '04:00', '05:00']);
	});
});

describe('saved workspaces', () => {
	const w: Workspace = { ...DEFAULT, filter: 'PROTO == TCP', from: 'now-1d', views: [{ entity: 'IPPAIR', count: 'UNIQUE IP', direction: 'sent' }], exporter: '192.0.2.1', exporterIf: 2 };
	it('come back as they were', () => {
		expect(workspaceFrom(stateOf(w))).toEqual(w);
		const file = readWsFile(writeWsFile({ name: 'A', description: '', notes: 'n', icon: 'lock', state: stateOf(w) }));
		expect(workspaceFrom(file.state)).toEqual(w);
		expect(workspaceFrom({ v: 1, filter: '', last: '1d', views: [{ entity: 'APP', count: 'BYTES', direction: 'total' }] })).toMatchObject({ from: 'now-1d', to: 'now' });
	});
	it('are read with suspicion', () => {
		expect(() => readWsFile('x')).toThrow('not JSON');
		expect(() => readWsFile('{"a":1}')).toThrow('workspace');
		expect(workspaceFrom({ v: 1, views: [{ entity: '<script>', count: 'x', direction: 'total' }], rows: 1e9, type: 'evil' } as never)).toEqual(DEFAULT);
	});
});

describe('words', () => {
	it('name views and files', () => {
		expect(viewTitle({ entity: 'IP', count: 'SESSIONS', direction: 'sent' })).toBe('Hosts by sessions initiated');
		expect(fileName('Hosts by bytes', 'csv')).toBe('hosts-by-bytes.csv');
	});
	it('quote filters for a shell', () => {
		(globalThis as { location?: unknown }).location = { origin: 'https://h', protocol: 'https:', pathname: '/', search: '' };
		expect(callsOf({ ...DEFAULT, filter: "APP == \"it's\"" }).command).toBe(`ftstat -grp IP -cnt BYTES -tn 15m -r 10 -q 'APP == "it'\\''s"'`);
	});
});
