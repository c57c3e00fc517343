// Saved session files: CSV (RFC 4180) with the head that `ftsq -C` and this interface write.  Lines are kept as text
// and taken apart when they are shown: a file may have millions.
import type { Row, Value } from './columns';

const TEXTS = new Set([
	'exporter_ip', 'guid', 'client_ip', 'server_ip', 'client_mac', 'server_mac', 'next_hop', 'client_country', 'server_country', 'client_netblock',
	'server_netblock', 'client_group', 'server_group', 'app_id', 'app_name', 'nat_client_ip', 'nat_server_ip', 'direction_rule', 'end_reason',
	'elements', 'in_if_name', 'out_if_name', 'session_id',
]);

/** records of a text; a quoted field may hold a line's end */
export function splitRecords(text: string): string[] {
	const out: string[] = [];
	let from = 0;
	let quoted = false;
	for (let i = 0; i < text.length; i++) {
		const c = text.charCodeAt(i);
		if (c === 34) quoted = !quoted;
		else if (c === 10 && !quoted) {
			const end = i > from && text.charCodeAt(i - 1) === 13 ? i - 1 : i;
			if (end > from) out.push(text.slice(from, end));
			from = i + 1;
		}
	}
	if (from < text.length) out.push(text.slice(from));
	return out;
}

export function splitFields(record: string): string[] {
	if (!record.includes('"')) return record.split(',');
	const out: string[] = [];
	let i = 0;
	for (;;) {
		if (record[i] === '"') {
			let value = '';
			for (i++; i < record.length; i++) {
				if (record[i] !== '"') value += record[i];
				else if (record[i + 1] === '"') {
					value += '"';
					i++;
				} else break;
			}
			out.push(value);
			i++;
		} else {
			const end = record.indexOf(',', i);
			out.push(end < 0 ? record.slice(i) : record.slice(i, end));
			i = end < 0 ? record.length : end;
		}
		if (i >= record.length) return out;
		i++; // the comma
		if (i === record.length) {
			out.push('');
			return out;
		}
	}
}

export class SavedFile {
	readonly records: string[];
	readonly columns: string[];

	constructor(
		readonly name: string,
		text: string,
	) {
		const all = splitRecords(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
		const head = splitFields(all[0] ?? '');
		if (!head.includes('client_ip') || !head.includes('server_ip') || !head.includes('first_us'))
			throw new Error('This is no saved session list: its first line does not name the columns first_us, client_ip, server_ip. Files saved here, or by `ftsq -C`, have them.');
		this.columns = head;
		// the summary at the end (Total sessions: …) has no fields
		this.records = all.slice(1).filter((r) => !/^Total [A-Za-z]+: \d+$/.test(r));
	}

	row(i: number): Row {
		const fields = splitFields(this.records[i] ?? '');
		const row: Row = {};
		this.columns.forEach((name, k) => (row[name] = value(name, fields[k] ?? '')));
		return row;
	}
}

function value(name: string, text: string): Value {
	if (text === '') return null;
	if (TEXTS.has(name)) return text;
	if (text === 'true' || text === 'false') return text === 'true';
	const n = Number(text);
	return Number.isNaN(n) ? text : n;
}

/** order of two values: numbers as numbers, addresses and texts as texts with numbers in them; nothing comes last */
const texts = new Intl.Collator('en', { numeric: true });
export function compareValues(a: Value, b: Value): number {
	const none = (v: Value) => v === null || v === undefined || v === '';
	if (none(a) || none(b)) return Number(none(a)) - Number(none(b));
	if (typeof a === 'number' && typeof b === 'number') return a - b;
	return texts.compare(String(a), String(b));
}
