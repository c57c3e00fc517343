import { describe, expect, it } from 'vitest';
import { bitRate, bytes, count, duration, milliseconds, percent, short } from './format';
import { fromParts, partsOf } from './clock';

describe('numbers for people', () => {
	it('have three figures and a decimal prefix', () => {
		expect(bytes(0)).toBe('0 B');
		expect(bytes(999)).toBe('999 B');
		expect(bytes(1000)).toBe('1.00 kB');
		expect(bytes(999_999)).toBe('1.00 MB');
		expect(bytes(44_700_000)).toBe('44.7 MB');
		expect(bitRate(1.5e9)).toBe('1.50 Gbit/s');
		expect(short(12)).toBe('12');
		expect(short(12_345)).toBe('12.3 k');
		expect(count(41203117)).toBe('41,203,117');
		expect(percent(0.004)).toBe('< 0.01 %');
		expect(percent(8.84)).toBe('8.84 %');
	});
	it('say durations in two units', () => {
		expect(duration(900e6)).toBe('15 min');
		expect(duration(93784e6)).toBe('1 d 2 h');
		expect(duration(250_000)).toBe('250 ms');
		expect(milliseconds(1234)).toBe('1.23 s');
	});
});

describe('wall clocks', () => {
	it('come back from their parts in every zone', () => {
		for (const zone of ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns'])
			for (let t = Date.UTC(2026, 2, 28, 0, 30); t < Date.UTC(2026, 2, 30); t += 3600e3) {
				const p = partsOf(t, zone);
				expect(fromParts(zone, p.year, p.month, p.day, p.hour, p.minute, p.second)).toBe(t);
			}
	});
});
