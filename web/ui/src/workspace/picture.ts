// From the answer to what is drawn: series in rates, the top-ranked first (it is stacked lowest), the rest as one.
import type { ChartType } from '@/state/view';
import { partsOf } from '@/words/clock';
import { OTHER, colour } from '@/words/palette';
import type { Row, View } from './data';
import type { Measure } from './words';

/** more than these can't be told apart; the rest joins "other" */
export const SERIES_MOST = 25;

export interface Series {
	name: string;
	colour: string;
	values: number[];
	/** index in the rows shown; -1: other */
	row: number;
}
export interface Picture {
	type: ChartType;
	from: number;
	to: number;
	times: number[];
	/** slot of each time */
	slots: number[];
	slotMs: number;
	series: Series[];
	ticks: { at: number; text: string }[];
	axis: (v: number) => string;
	/** from here on data is not complete yet */
	incomplete: number | null;
	look: { dark: boolean; dim: string; line: string; hatch: string; font: string };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000];
const two = (n: number): string => String(n).padStart(2, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Round times of the zone's wall clock, about `most` of them. */
export function ticksOf(from: number, to: number, zone: string, most: number): { at: number; text: string }[] {
	const step = (STEPS.find((s) => (to - from) / 1000 / s <= most) ?? 31536000) * 1000;
	const offset = (t: number): number => {
		const p = partsOf(t, zone);
		return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(t / 1000) * 1000;
	};
	const list: { at: number; text: string }[] = [];
	let local = Math.ceil((from + offset(from)) / step) * step;
	let day = '';
	for (let i = 0; i < 200; i++, local += step) {
		const at = local - offset(local - offset(local));
		if (at > to) break;
		if (at < from) continue;
		const p = partsOf(at, zone);
		const date = `${p.day} ${MONTHS[p.month - 1]}`;
		const clock = `${two(p.hour)}:${two(p.minute)}${step < 60e3 ? `:${two(p.second)}` : ''}`;
		// the date where it changes
		const text = step >= 2592000e3 ? `${MONTHS[p.month - 1]} ${p.year}` : step >= 86400e3 || (day !== '' && day !== date) ? date : clock;
		day = date;
		list.push({ at, text });
	}
	return list;
}

export function pictureOf(
	view: View,
	rows: { row: Row; name: string; colour: number }[],
	measure: Measure,
	how: { type: ChartType; zone: string; width: number; look: Picture['look']; ranked: boolean },
): Picture {
	const from = view.from_us / 1000;
	const to = view.to_us / 1000;
	const n = view.slots;
	const slotMs = n > 0 ? (to - from) / n : 0;
	const divide = measure.perSecond ? Math.max(slotMs / 1000, 1e-9) : 1;
	const rates = (s: number[] | undefined): number[] => Array.from({ length: n }, (_, i) => ((s?.[i] ?? 0) * measure.factor) / divide);
	const series: Series[] = rows.slice(0, SERIES_MOST).map(({ row, name, colour: c }, i) => ({ name, row: i, values: rates(row.series), colour: colour(c, how.look.dark) }));
	const rest = rates(view.other.series);
	for (const { row } of rows.slice(SERIES_MOST)) row.series?.forEach((v, i) => (rest[i] = (rest[i] ?? 0) + (v * measure.factor) / divide));
	if (how.ranked && view.other.series && rest.some((v) => v > 0)) series.push({ name: 'Other', row: -1, values: rest, colour: how.look.dark ? OTHER.dark : OTHER.light });

	// a line runs from edge to edge; a bar stands in the middle of its slot
	let slots = Array.from({ length: n }, (_, i) => i);
	let times = slots.map((i) => from + (i + 0.5) * slotMs);
	if (how.type !== 'bars' && n > 0) {
		times = [from, ...times, to];
		slots = [0, ...slots, n - 1];
		for (const s of series) {
			const of = s.values;
			s.values = slots.map((i) => of[i] ?? 0);
		}
	}
	const complete = view.complete_until_us === null ? null : view.complete_until_us / 1000;
	return {
		type: how.type,
		from,
		to,
		times,
		slots,
		slotMs,
		series,
		ticks: ticksOf(from, to, how.zone, Math.max(3, Math.floor(how.width / 95))),
		axis: measure.slot,
		incomplete: complete !== null && complete < to ? Math.max(from, complete) : null,
		look: how.look,
	};
}
