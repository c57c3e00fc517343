import { describe as about, expect, it } from 'vitest';
import { describe, parseFrame, pinned, resolve, resolveFrame, shifted, toLast, zoomedOut, follows, TimeError } from './frame';

const BERLIN = 'Europe/Berlin';
const at = (s: string) => Date.parse(s);
const NOW = at('2026-11-24T19:30:15.500Z');

about('times', () => {
	it('reads relative expressions of both spellings', () => {
		expect(resolve('now-6h', NOW, 'UTC')).toBe(NOW - 6 * 3600e3);
		expect(resolve('-6h', NOW, 'UTC')).toBe(NOW - 6 * 3600e3);
		expect(resolve('-1d@d', NOW, 'UTC')).toBe(at('2026-11-23T00:00Z'));
		expect(resolve('now-1d/d', NOW, 'UTC', true)).toBe(at('2026-11-24T00:00Z'));
		expect(resolve('now/w', NOW, 'UTC')).toBe(at('2026-11-22T00:00Z')); // a Sunday
		expect(resolve('now-1M/M', NOW, BERLIN)).toBe(at('2026-09-30T22:00Z'));
		expect(resolve('now-1h30m'.replace('30m', '-30m'), NOW, 'UTC')).toBe(NOW - 5400e3);
	});
	it('keeps the wall clock over a change of the clock', () => {
		const summer = at('2026-10-26T08:00Z'); // 09:00 CET, the clock went back on the 25th
		expect(resolve('now-1d', summer, BERLIN)).toBe(at('2026-10-25T08:00Z'));
		expect(resolve('now-2d', summer, BERLIN)).toBe(at('2026-10-24T07:00Z'));
		expect(resolve('2026-10-25', summer, BERLIN)).toBe(at('2026-10-24T22:00Z'));
		expect(resolve('now-1d/d', summer, BERLIN, true) - resolve('now-1d/d', summer, BERLIN)).toBe(25 * 3600e3);
	});
	it('reads absolute times', () => {
		expect(resolve('2026-11-24 18:00', NOW, BERLIN)).toBe(at('2026-11-24T17:00Z'));
		expect(resolve('2026-11-24T18:00:00.25Z', NOW, BERLIN)).toBe(at('2026-11-24T18:00:00.250Z'));
		expect(resolve('2026-11-24T18:00+05:30', NOW, BERLIN)).toBe(at('2026-11-24T12:30Z'));
		expect(resolve('11/24/26 18:00:00', NOW, 'UTC')).toBe(at('2026-11-24T18:00Z'));
		expect(resolve('1795543903', NOW, 'UTC')).toBe(1795543903000);
		expect(resolve('1795543903000', NOW, 'UTC')).toBe(1795543903000);
	});
	it('refuses what is none', () => {
		for (const bad of ['', 'soon', '2026-13-01', '2026-02-30', 'now-6q', '25']) expect(() => resolve(bad, NOW, 'UTC')).toThrow(TimeError);
		expect(() => resolveFrame({ from: 'now', to: 'now-1h' }, NOW, 'UTC')).toThrow('not after');
	});
	it('reads what is typed into the one box', () => {
		expect(parseFrame('6h')).toEqual({ from: 'now-6h', to: 'now' });
		expect(parseFrame('last 1w2d')).toEqual({ from: 'now-1w-2d', to: 'now' });
		expect(parseFrame('now-1d/d')).toEqual({ from: 'now-1d/d', to: 'now-1d/d' });
		expect(parseFrame('2026-11-24 18:00 to 2026-11-24 19:00')).toEqual({ from: '2026-11-24 18:00', to: '2026-11-24 19:00' });
		expect(parseFrame('today')).toEqual({ from: 'now/d', to: 'now/d' });
	});
	it('moves by one window, calendar frames by their unit, and back to now', () => {
		expect(shifted({ from: 'now-1h', to: 'now' }, -1, NOW, 'UTC')).toEqual(pinned({ fromMs: NOW - 7200e3, toMs: NOW - 3600e3 }));
		expect(shifted(pinned({ fromMs: NOW - 5400e3, toMs: NOW - 1800e3 }), 1, NOW, 'UTC')).toEqual({ from: 'now-1h', to: 'now' });
		expect(shifted({ from: 'now/d', to: 'now/d' }, -1, NOW, 'UTC')).toEqual({ from: 'now-1d/d', to: 'now-1d/d' });
		expect(shifted({ from: 'now-1d/d', to: 'now-1d/d' }, 1, NOW, 'UTC')).toEqual({ from: 'now/d', to: 'now/d' });
	});
	it('zooms out without passing now', () => {
		expect(zoomedOut({ from: 'now-15m', to: 'now' }, NOW, 'UTC')).toEqual({ from: 'now-30m', to: 'now' });
		const old = pinned({ fromMs: NOW - 10 * 3600e3, toMs: NOW - 8 * 3600e3 });
		expect(zoomedOut(old, NOW, 'UTC')).toEqual(pinned({ fromMs: NOW - 11 * 3600e3, toMs: NOW - 7 * 3600e3 }));
	});
	it('says it in words', () => {
		expect(describe({ from: 'now-15m', to: 'now' }, NOW, 'UTC')).toBe('Last 15 minutes');
		expect(describe({ from: 'now-1w-2d', to: 'now' }, NOW, 'UTC')).toBe('Last 1 week 2 days');
		expect(describe({ from: '2026-11-24 18:00', to: '2026-11-24 19:00' }, NOW, 'UTC')).toBe('2026-11-24 18:00 – 19:00');
		expect(toLast(90 * 60e3)).toEqual({ from: 'now-90m', to: 'now' });
	});
	it('knows what refreshing makes sense for', () => {
		expect(follows({ from: 'now-1h', to: 'now' })).toBe(true);
		expect(follows({ from: 'now/d', to: 'now/d' })).toBe(true);
		expect(follows({ from: 'now-1d/d', to: 'now-1d/d' })).toBe(false);
		expect(follows({ from: 'now-1h', to: '2026-11-24T18:00Z' })).toBe(false);
	});
});
