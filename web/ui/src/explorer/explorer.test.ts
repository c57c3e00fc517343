import { describe, expect, it } from 'vitest';
import { COLUMN, COLUMNS, crossing, filterOf, flagsText, textOf, type Row } from './columns';
import { compareValues, SavedFile, splitFields, splitRecords } from './csv';
import { explorerLink, explorerState } from './link';
import { FileRows } from './rows';
import { bothFilters, searchFilter } from './search';

const row: Row = { first_us: 1_000_000, last_us: 3_500_000, client_ip: '10.0.0.1', server_ip: '2001:db8::1', server_port: 443, proto: 6, client_bytes: 1000, server_bytes: 500, complete: true };

describe('columns', () => {
	it('has every key once', () => expect(new Set(COLUMNS.map((c) => c.key)).size).toBe(COLUMNS.length));
	it('computes durations and sums', () => {
		expect(textOf(COLUMN.get('duration')!, row, 'UTC')).toBe('2.5 s');
		expect(textOf(COLUMN.get('bytes')!, row, 'UTC')).toBe('1.50 kB');
	});
	it('makes the filter that selects a value', () => {
		expect(filterOf(COLUMN.get('server_ip')!, row)).toBe('SRVIP == 2001:db8::1');
		expect(filterOf(COLUMN.get('server_port')!, row)).toBe('SRVPORT == 443 && PROTO == 6');
		expect(filterOf(COLUMN.get('client_country')!, row)).toBe('');
		expect(filterOf(COLUMN.get('app_name')!, { app_name: 'a "b" \\' })).toBe('APP == "a \\"b\\" \\\\"');
	});
	it('names flags', () => expect([flagsText(0x12), flagsText(0)]).toEqual(['SYN ACK', 'none']));
	it('tells which sessions cross the frame', () => {
		expect(crossing(row, 0, 4_000_000)).toBe('');
		expect(crossing(row, 2_000_000, 4_000_000)).toBe('before');
		expect(crossing(row, 0, 3_000_000)).toBe('after');
		expect(crossing(row, 2_000_000, 3_000_000)).toBe('both');
		expect(crossing({ ...row, complete: false }, 0, 4_000_000)).toBe('after');
	});
});

describe('search', () => {
	it.each([
		['10.1.2.3', 'ADDR == 10.1.2.3'],
		['10.0.0.0/8', 'ADDR == 10.0.0.0/8'],
		['2001:db8::1', 'ADDR == 2001:db8::1'],
		['443', 'PORT == 443'],
		['80-90', 'PORT in (80-90)'],
		['AS3320', 'ASN == 3320'],
		['tcp DE', 'PROTO == TCP && CC == DE'],
		['00:11:22:33:44:55', 'MAC == 00:11:22:33:44:55'],
		['ssh', 'APP == ssh'],
		['we"b', 'APP == "we\\"b"'],
		['  ', ''],
	])('%s is %s', (text, filter) => expect(searchFilter(text)).toBe(filter));
	it('joins filters so that each keeps its meaning', () => {
		expect(bothFilters('A == 1 || B == 2', 'C == 3')).toBe('(A == 1 || B == 2) && C == 3');
		expect(bothFilters('A == 1', 'B == 2 || C == 3')).toBe('(A == 1) && (B == 2 || C == 3)');
		expect(bothFilters('', 'B == 2')).toBe('B == 2');
	});
});

describe('saved files', () => {
	it('splits records and fields as RFC 4180 says', () => {
		expect(splitRecords('a,b\r\n"x\ny",2\n')).toEqual(['a,b', '"x\ny",2']);
		expect(splitFields('a,"b ""c"", d",,e,')).toEqual(['a', 'b "c", d', '', 'e', '']);
	});
	const text = 'session_id,first_us,client_ip,server_ip,client_bytes\n18446744073709551615,5,10.0.0.2,10.0.0.9,300\n7,4,10.0.0.10,10.0.0.9,\nTotal sessions: 2\nTotal Packets: 1\n';
	it('reads rows, keeps long ids whole, leaves the summary out', () => {
		const f = new SavedFile('x.csv', text);
		expect(f.records.length).toBe(2);
		expect(f.row(0)).toMatchObject({ session_id: '18446744073709551615', first_us: 5, client_ip: '10.0.0.2', client_bytes: 300 });
		expect(f.row(1).client_bytes).toBe(null);
	});
	it('refuses what is no session list, and says what is', () => expect(() => new SavedFile('x.csv', 'a,b\n1,2\n')).toThrow(/ftsq -C/));
	it('sorts and searches', () => {
		const f = new SavedFile('x.csv', text);
		expect(new FileRows(f, { by: 'client_ip', descending: false }, '').row(0)?.client_ip).toBe('10.0.0.2');
		expect(new FileRows(f, { by: 'client_ip', descending: true }, '').row(0)?.client_ip).toBe('10.0.0.10');
		expect(new FileRows(f, { by: 'first_us', descending: false }, '0.10').total).toBe(1);
	});
	it('puts what is absent last', () => expect([3, null, 1].sort(compareValues)).toEqual([1, 3, null]));
});

describe('link', () => {
	it('keeps state through the address', () => {
		for (const link of ['/sessions?v=1&from=now-1h&to=now', '/sessions?v=1&f=PORT+==+22&from=2026-11-24T10:00:00Z&to=2026-11-24T11:00:00Z&mode=raw&s=-bytes&q=tcp&whole=1'])
			expect(explorerLink(explorerState(link.split('?')[1]!))).toBe(link);
	});
});
