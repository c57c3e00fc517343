// Time frames as people write them, and what they are at a moment.  A frame is two expressions:
//   now · now-6h · now-1d/d · now/w        (Grafana's; the end rounds up, so now/d to now/d is today)
//   -3h · -1d@d · @d                       (Splunk's)
//   2026-11-24 18:00 · 2026-11-24T18:00:00.250Z · 11/24/26 18:00:00 · 1795543903 · 1795543903000
// or one span for both: 1h, 1w2d: up to now.  Units: s m h d w M y.  Weeks begin on Sunday, as in the manual.
import { fromParts, partsOf, dateText, timeText } from '@/words/clock';

export interface Frame {
	from: string;
	to: string;
}
export interface Range {
	fromMs: number;
	toMs: number;
}
export type Unit = 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y';

const LENGTH: Record<Unit, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3, w: 604800e3, M: 30 * 86400e3, y: 365 * 86400e3 };
const WORD: Record<Unit, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', M: 'month', y: 'year' };

export class TimeError extends Error {}

/** t moved by n units; days and longer keep the wall-clock time */
function moved(t: number, n: number, unit: Unit, zone: string): number {
	if (unit === 's' || unit === 'm' || unit === 'h') return t + n * LENGTH[unit];
	const p = partsOf(t, zone);
	const fraction = ((t % 1000) + 1000) % 1000;
	if (unit === 'd' || unit === 'w') {
		const d = new Date(Date.UTC(p.year, p.month - 1, p.day + n * (unit === 'w' ? 7 : 1)));
		return fromParts(zone, d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), p.hour, p.minute, p.second, fraction);
	}
	const months = p.year * 12 + (p.month - 1) + n * (unit === 'y' ? 12 : 1);
	const year = Math.floor(months / 12);
	const month = (((months % 12) + 12) % 12) + 1;
	const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
	return fromParts(zone, year, month, Math.min(p.day, last), p.hour, p.minute, p.second, fraction);
}

/** start of the unit that t is in */
function floored(t: number, unit: Unit, zone: string): number {
	if (unit === 's' || unit === 'm') return t - (((t % LENGTH[unit]) + LENGTH[unit]) % LENGTH[unit]);
	const p = partsOf(t, zone);
	switch (unit) {
		case 'h':
			return t - (((t % 60e3) + 60e3) % 60e3) - p.minute * 60e3;
		case 'd':
			return fromParts(zone, p.year, p.month, p.day);
		case 'w': {
			const d = new Date(Date.UTC(p.year, p.month - 1, p.day - p.weekday));
			return fromParts(zone, d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate());
		}
		case 'M':
			return fromParts(zone, p.year, p.month, 1);
		default:
			return fromParts(zone, p.year, 1, 1);
	}
}

const RELATIVE = /^(?:now)?((?:[+-]\d+[smhdwMy])*)(?:[/@]([smhdwMy]))?$/;
const SPAN = /^(?:(\d+)y)?(?:(\d+)M)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

export const isRelative = (text: string): boolean => {
	const t = text.trim();
	return t !== '' && RELATIVE.test(t);
};

function absolute(text: string, zone: string): number {
	let m = /^(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?\s*(Z|[+-]\d\d:?\d\d)?$/i.exec(text);
	if (!m) {
		const us = /^(\d\d?)\/(\d\d?)\/(\d{2}|\d{4})(?: (\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?$/.exec(text);
		if (us) m = Object.assign([us[0], (us[3] ?? '').length === 2 ? `20${us[3]}` : us[3], us[1], us[2], us[4], us[5], us[6], us[7], undefined], { index: 0, input: text }) as unknown as RegExpExecArray;
	}
	if (m) {
		const [year, month, day, hour, minute, second] = m.slice(1, 7).map((x) => Number(x ?? 0)) as [number, number, number, number, number, number];
		if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate() || hour > 24 || minute > 59 || second > 60)
			throw new TimeError(`${text} is no date`);
		const ms = Math.floor(Number(`0.${m[7] ?? '0'}`) * 1000);
		const zoneText = m[8]?.toUpperCase();
		if (zoneText === undefined) return fromParts(zone, year, month, day, hour, minute, second, ms);
		const utc = Date.UTC(year, month - 1, day, hour, minute, second, ms);
		if (zoneText === 'Z') return utc;
		const offset = (Number(zoneText.slice(1, 3)) * 60 + Number(zoneText.slice(-2))) * 60e3;
		return zoneText[0] === '-' ? utc + offset : utc - offset;
	}
	if (/^\d{9,10}$/.test(text)) return Number(text) * 1000;
	if (/^\d{12,13}$/.test(text)) return Number(text);
	if (/^\d{15,16}$/.test(text)) return Number(text) / 1000;
	const only = /^(\d\d?):(\d\d)(?::(\d\d))?$/.exec(text);
	if (only) throw new TimeError(`${text} needs a date before it, such as 2026-11-24 ${text}`);
	throw new TimeError(`“${text}” is no time; write for example now-6h, -1d@d, 2026-11-24 18:00`);
}

/** One expression as milliseconds since 1970. */
export function resolve(text: string, nowMs: number, zone: string, end = false): number {
	const t = text.trim();
	if (t === '') throw new TimeError('a time is missing');
	const m = RELATIVE.exec(t);
	if (!m) return absolute(t, zone);
	let at = nowMs;
	for (const [, sign, n, unit] of (m[1] ?? '').matchAll(/([+-])(\d+)([smhdwMy])/g)) {
		if (Number(n) > 100000) throw new TimeError(`${n}${unit} is too long`);
		at = moved(at, (sign === '-' ? -1 : 1) * Number(n), unit as Unit, zone);
	}
	const round = m[2] as Unit | undefined;
	if (round) {
		at = floored(at, round, zone);
		if (end) at = moved(at, 1, round, zone);
	}
	return at;
}

export function resolveFrame(frame: Frame, nowMs: number, zone: string): Range {
	const fromMs = resolve(frame.from, nowMs, zone);
	const toMs = resolve(frame.to, nowMs, zone, true);
	if (toMs <= fromMs) throw new TimeError('the end is not after the start');
	return { fromMs, toMs };
}

/** What somebody wrote into one box: a span (6h), one expression (up to now), or two with "to", "–" or ".." between. */
export function parseFrame(text: string): Frame {
	const t = text.trim().replace(/^last\s+/i, '');
	const two = t.split(/\s+(?:to|until|–|-)\s+|\s*(?:\.\.|–)\s*/);
	if (two.length === 2) return { from: (two[0] ?? '').trim(), to: (two[1] ?? '').trim() };
	const span = SPAN.exec(t);
	if (t !== '' && span) {
		const parts = [...t.matchAll(/(\d+)([yMwdhms])/g)].map(([, n, u]) => `-${n}${u}`);
		return { from: `now${parts.join('')}`, to: 'now' };
	}
	const named = PRESETS.find((p) => p.label.toLowerCase() === text.trim().toLowerCase());
	if (named) return { from: named.from, to: named.to };
	if (/[/@][dwMy]$/.test(t) && isRelative(t)) return { from: t, to: t };
	return { from: t, to: 'now' };
}

export interface Preset extends Frame {
	label: string;
	group: 'Last' | 'Calendar';
}
const last = (n: number, u: Unit): Preset => ({ group: 'Last', label: `Last ${n === 1 ? '' : `${n} `}${WORD[u]}${n === 1 ? '' : 's'}`, from: `now-${n}${u}`, to: 'now' });
const calendar = (label: string, from: string, to = from): Preset => ({ group: 'Calendar', label, from, to });
export const PRESETS: Preset[] = [
	last(15, 'm'), last(30, 'm'), last(1, 'h'), last(3, 'h'), last(6, 'h'), last(1, 'd'), last(2, 'd'), last(1, 'w'), last(2, 'w'), last(1, 'M'), last(3, 'M'), last(6, 'M'), last(1, 'y'),
	calendar('This hour', 'now/h'), calendar('Last hour, whole', 'now-1h/h'), calendar('Today', 'now/d'), calendar('Yesterday', 'now-1d/d'), calendar('This week', 'now/w'), calendar('Last week, whole', 'now-1w/w'), calendar('This month', 'now/M'), calendar('Last month, whole', 'now-1M/M'), calendar('This day last week', 'now-1w/d'),
];

export const fixed = (frame: Frame): boolean => !isRelative(frame.to);
/** the frame moves on: refreshing it makes sense */
export const follows = (frame: Frame): boolean => isRelative(frame.to) && !/^now-\d/.test(frame.to.trim());

export const iso = (ms: number): string => new Date(Math.round(ms)).toISOString().replace('.000Z', 'Z');
export const pinned = (r: Range): Frame => ({ from: iso(r.fromMs), to: iso(r.toMs) });

const PERIOD = /^now(?:-(\d+)([hdwMy]))?\/([hdwMy])$/;

/** The window before (-1) or after (1).  Calendar frames move by their unit, others by their length. */
export function shifted(frame: Frame, by: -1 | 1, nowMs: number, zone: string): Frame {
	const m = PERIOD.exec(frame.from);
	if (m && frame.from === frame.to && (m[2] === undefined || m[2] === m[3])) {
		const n = Number(m[1] ?? 0) - by;
		const unit = m[3] ?? 'd';
		const text = n === 0 ? `now/${unit}` : n > 0 ? `now-${n}${unit}/${unit}` : frame.from;
		return { from: text, to: text };
	}
	const { fromMs, toMs } = resolveFrame(frame, nowMs, zone);
	const length = toMs - fromMs;
	if (by > 0 && toMs + length > nowMs) {
		const back = toLast(length);
		return back ?? { from: iso(nowMs - length), to: iso(nowMs) };
	}
	return pinned({ fromMs: fromMs + by * length, toMs: toMs + by * length });
}

/** now-LENGTH, if that is a whole number of seconds */
export function toLast(lengthMs: number): Frame | undefined {
	for (const u of ['w', 'd', 'h', 'm', 's'] as Unit[])
		if (lengthMs >= LENGTH[u] && Math.abs(lengthMs / LENGTH[u] - Math.round(lengthMs / LENGTH[u])) < 1e-9) return { from: `now-${Math.round(lengthMs / LENGTH[u])}${u}`, to: 'now' };
	return undefined;
}

/** Twice as long: round the middle, but never past now. */
export function zoomedOut(frame: Frame, nowMs: number, zone: string): Frame {
	const { fromMs, toMs } = resolveFrame(frame, nowMs, zone);
	const length = toMs - fromMs;
	if (frame.to === 'now' || toMs + length / 2 >= nowMs) {
		const whole = frame.to === 'now' ? toLast(2 * length) : undefined;
		return whole ?? pinned({ fromMs: Math.min(nowMs, toMs) - 2 * length, toMs: Math.min(nowMs, toMs) });
	}
	return pinned({ fromMs: fromMs - length / 2, toMs: toMs + length / 2 });
}

/** In words: its preset's name, or the span, or both ends. */
export function describe(frame: Frame, nowMs: number, zone: string): string {
	const preset = PRESETS.find((p) => p.from === frame.from && p.to === frame.to);
	if (preset) return preset.label;
	const m = /^now((?:-\d+[smhdwMy])+)$/.exec(frame.from);
	if (m && frame.to === 'now') {
		const parts = [...(m[1] ?? '').matchAll(/(\d+)([smhdwMy])/g)].map(([, n, u]) => `${n} ${WORD[u as Unit]}${n === '1' ? '' : 's'}`);
		return `Last ${parts.join(' ')}`;
	}
	try {
		return rangeText(resolveFrame(frame, nowMs, zone), zone);
	} catch {
		return `${frame.from} to ${frame.to}`;
	}
}

export function rangeText(r: Range, zone: string): string {
	const seconds = r.fromMs % 60e3 !== 0 || r.toMs % 60e3 !== 0;
	const a = dateText(r.fromMs, zone);
	const b = dateText(r.toMs, zone);
	const end = timeText(r.toMs, zone, seconds);
	return `${a} ${timeText(r.fromMs, zone, seconds)} – ${a === b ? '' : `${b} `}${end}`;
}
