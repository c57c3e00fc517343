import { describe, expect, it } from 'vitest';
import { parse, print } from './ast';
import { fromLines, narrowed, toLines } from './lines';

describe('the filter as a tree', () => {
	it('prints in the manual’s form what it read', () => {
		const text = 'SRVIP == 10.1.0.0/16 && (SRVPORT == 22 || SRVPORT == 2222) && !(CLNCC == US)';
		expect(print(parse(text) ?? null)).toBe(text);
		expect(print(parse('a=1 and not b in (1,2-3) or x^|y') ?? null)).toBe('(a == 1 && !(b in (1, 2-3))) || (x ^| y)');
		expect(print(parse('IE(httpRequestHost) == "a b"') ?? null)).toBe('IE(httpRequestHost) == "a b"');
		expect(print(parse('SRVIP == 2001:db8::/32') ?? null)).toBe('SRVIP == 2001:db8::/32');
	});
	it('knows what is none', () => {
		for (const bad of ['SRVIP ==', '(a == 1', 'a == 1 b == 2', '&& a', 'a in 1']) expect(parse(bad)).toBeUndefined();
		expect(parse('  ')).toBeNull();
	});
});

describe('the filter as lines', () => {
	const round = (text: string) => {
		const lines = toLines(text);
		return lines && fromLines(lines);
	};
	it('takes lines apart and puts them together', () => {
		for (const text of ['', 'ADDR == 10.0.0.1', 'SRVPORT == 22 && PROTO == TCP', '(SRVPORT == 22 || SRVPORT == 2222) && CLNCC != US', 'TOTBYTS > 1G || TTIME >= 3600', 'SRVPORT == 22 || SRVPORT == 2222', '(CLNCC != US && CLNCC != DE) && PROTO == TCP'])
			expect(round(text)).toBe(text);
		expect(round('srvport in (22, 2222)')).toBe('SRVPORT == 22 || SRVPORT == 2222');
		expect(round('FSYN and not FACK')).toBe('FLAGS == FSYN && FLAGS != FACK');
		expect(toLines('SRVPORT == 22 || PROTO == UDP')?.mode).toBe('any');
	});
	it('leaves to the text what has no form of lines', () => {
		for (const text of ['a == 1 ^| b == 2', '(a == 1 && b == 2) || c == 3', '!(a == 1 && b == 2)', 'a ==']) expect(toLines(text)).toBeUndefined();
	});
	it('leaves incomplete lines out', () => {
		expect(fromLines({ mode: 'all', lines: [{ field: 'PROTO', relation: 'is', values: [] }, { field: 'SRVPORT', relation: 'is', values: ['22'] }] })).toBe('SRVPORT == 22');
	});
	it('narrows', () => {
		expect(narrowed('', 'ADDR', '10.0.0.1', false)).toBe('ADDR == 10.0.0.1');
		expect(narrowed('PROTO == TCP', 'ADDR', '10.0.0.1', true)).toBe('PROTO == TCP && ADDR != 10.0.0.1');
		expect(narrowed('CLNCC != US', 'CLNCC', 'DE', true)).toBe('CLNCC != US && CLNCC != DE');
		expect(narrowed('ADDR == 10.0.0.1', 'ADDR', '10.0.0.2', false)).toBe('ADDR == 10.0.0.1 && ADDR == 10.0.0.2');
		expect(narrowed('a == 1 || b == 2', 'ADDR', '::1', false)).toBe('(a == 1 || b == 2) && ADDR == ::1');
		expect(narrowed('ADDR == 10.0.0.1', 'ADDR', '10.0.0.1', false)).toBe('ADDR == 10.0.0.1');
		expect(narrowed('', 'APP', 'a b', false)).toBe('APP == "a b"');
	});
});
