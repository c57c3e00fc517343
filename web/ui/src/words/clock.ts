// The server's clock and the time zone that times are shown in.
let offsetMs = 0;

/** told by every `status`: relative frames go by the server's clock, whatever this machine's says */
export function setServerNow(nowUs: number): void {
	offsetMs = nowUs / 1000 - Date.now();
}
export function serverNowMs(): number {
	return Date.now() + offsetMs;
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
	const key = zone + JSON.stringify(options);
	let f = formats.get(key);
	if (!f) {
		f = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone, hourCycle: 'h23' });
		formats.set(key, f);
	}
	return f;
}

// asked for by everything that shows a time, and slow to find out
let local: string | undefined;
if (typeof document !== 'undefined') document.addEventListener('visibilitychange', () => (local = undefined)); // one may have travelled
export const localZone = (): string => (local ??= Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC');

export interface Parts {
	year: number;
	month: number;
	day: number;
	hour: number;
	minute: number;
	second: number;
	/** 0 is Sunday */
	weekday: number;
}
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

export function partsOf(ms: number, zone: string): Parts {
	const f = format(zone, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', weekday: 'short' });
	const p: Record<string, string> = {};
	for (const { type, value } of f.formatToParts(ms)) p[type] = value;
	return {
		year: Number(p.year),
		month: Number(p.month),
		day: Number(p.day),
		hour: Number(p.hour),
		minute: Number(p.minute),
		second: Number(p.second),
		weekday: DAYS.indexOf(p.weekday ?? 'Sun'),
	};
}

/** milliseconds since 1970 of a wall-clock time in a zone; in an hour that a clock change repeats, the first */
export function fromParts(zone: string, year: number, month: number, day: number, hour = 0, minute = 0, second = 0, ms = 0): number {
	const wanted = Date.UTC(year, month - 1, day, hour, minute, second, ms);
	const offset = (t: number): number => {
		const p = partsOf(t, zone);
		return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(t / 1000) * 1000;
	};
	const candidates = [wanted - offset(wanted - 86400e3), wanted - offset(wanted + 86400e3)];
	const fits = candidates.filter((t) => t + offset(t) === wanted);
	return fits.length ? Math.min(...fits) : Math.max(...candidates);
}

const two = (n: number): string => String(n).padStart(2, '0');
export const dateText = (ms: number, zone: string): string => {
	const p = partsOf(ms, zone);
	return `${p.year}-${two(p.month)}-${two(p.day)}`;
};
export const timeText = (ms: number, zone: string, seconds = true): string => {
	const p = partsOf(ms, zone);
	return `${two(p.hour)}:${two(p.minute)}${seconds ? `:${two(p.second)}` : ''}`;
};
/** 2026-11-24 19:30:05; with `fraction` digits of a second */
export const dateTime = (us: number, zone: string, fraction = 0): string => {
	const ms = us / 1000;
	const part = fraction > 0 ? '.' + String(((us % 1e6) + 1e6) % 1e6).padStart(6, '0').slice(0, fraction) : '';
	return `${dateText(ms, zone)} ${timeText(ms, zone)}${part}`;
};
/** +01:00 */
export function offsetText(ms: number, zone: string): string {
	const name = format(zone, { timeZoneName: 'longOffset' }).formatToParts(ms).find((p) => p.type === 'timeZoneName')?.value ?? 'GMT';
	return name === 'GMT' ? '+00:00' : name.slice(3);
}
