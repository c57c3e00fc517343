// Numbers, amounts and times as people read them.  Amounts are decimal (1 kB = 1000 B), as in filters and on the wire.
const PREFIX = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

function scaled(v: number, unit: string, digits: number): string {
	if (!Number.isFinite(v)) return '–';
	let n = Math.abs(v);
	let i = 0;
	while (n >= 999.5 && i < PREFIX.length - 1) {
		n /= 1000;
		i++;
	}
	const text = i === 0 ? String(Math.round(n * 10) / 10) : n.toPrecision(digits);
	return `${v < 0 ? '-' : ''}${text}${unit === '' && i === 0 ? '' : ' '}${PREFIX[i]}${unit}`.trimEnd();
}

export const bytes = (v: number): string => scaled(v, 'B', 3);
export const bits = (v: number): string => scaled(v, 'bit', 3);
export const bitRate = (v: number): string => scaled(v, 'bit/s', 3);
export const byteRate = (v: number): string => scaled(v, 'B/s', 3);
export const short = (v: number): string => scaled(v, '', 3);
export const rate = (v: number, what: string): string => `${scaled(v, '', 3)} ${what}/s`;

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
/** 41,203,117 */
export const count = (v: number): string => whole.format(v);

export function percent(v: number): string {
	if (v === 0) return '0 %';
	if (v < 0.01) return '< 0.01 %';
	return `${v.toFixed(v < 10 ? 2 : 1)} %`;
}

export function milliseconds(ms: number): string {
	if (ms < 10) return `${ms.toFixed(1)} ms`;
	if (ms < 1000) return `${Math.round(ms)} ms`;
	return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** 2 d 3 h: the two largest units */
export function duration(us: number): string {
	let s = us / 1e6;
	if (s < 0) return `-${duration(-us)}`;
	if (s < 1) return `${Math.round(s * 1000)} ms`;
	if (s < 60) return `${s < 10 && s % 1 !== 0 ? s.toFixed(1) : Math.round(s)} s`;
	s = Math.round(s);
	const parts: [number, string][] = [
		[Math.floor(s / 86400), 'd'],
		[Math.floor((s % 86400) / 3600), 'h'],
		[Math.floor((s % 3600) / 60), 'min'],
		[s % 60, 's'],
	];
	const first = parts.findIndex(([n]) => n > 0);
	return parts
		.slice(first, first + 2)
		.filter(([n]) => n > 0)
		.map(([n, u]) => `${n} ${u}`)
		.join(' ');
}

/** how long ago, loosely */
export function ago(us: number, nowUs: number): string {
	const d = nowUs - us;
	if (d < 2e6) return 'just now';
	return `${duration(d >= 86400e6 ? Math.round(d / 3600e6) * 3600e6 : d)} ago`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
	return `${count(n)} ${n === 1 ? one : many}`;
}
