// Where the table's rows come from: the server, page by page as they come into view, or a saved file.  Both are the
// same to the table: how many there are, and row i if it is there.
import { opRows, type Progress, type Reply, type Request } from '@/api/client';
import { compareValues, SavedFile } from './csv';
import { COLUMN, valueOf, type Row } from './columns';

export interface Sorting {
	/** a column's key */
	by: string;
	descending: boolean;
}
export interface Source {
	readonly total: number;
	row(i: number): Row | undefined;
	/** rows [first, last] are on screen: get them */
	show(first: number, last: number): void;
	close(): void;
}

export const PAGE = 500;
const PAGES_KEPT = 60;

export type SessionsRequest = Request<'sessions'>;
export type Summary = Reply<'sessions'>['summary'];

export class ServerRows implements Source {
	total = 0;
	summary: Summary | undefined;
	private pages = new Map<number, Row[]>();
	private busy = new Map<number, AbortController>();
	private failed = new Set<number>();
	private wanted: [number, number] = [0, 0];
	private closed = false;

	constructor(
		private readonly request: SessionsRequest,
		private readonly sorting: Sorting,
		private readonly changed: () => void,
		private readonly trouble: (e: unknown) => void,
		private readonly progress: (p: Progress | null) => void,
	) {
		this.fetch(0);
	}

	row(i: number): Row | undefined {
		return this.pages.get(Math.floor(i / PAGE))?.[i % PAGE];
	}

	show(first: number, last: number): void {
		const a = Math.floor(first / PAGE);
		const b = Math.floor(Math.max(first, last) / PAGE);
		this.wanted = [a, b];
		if (!this.summary) return; // the first page says how many there are
		for (const [page, stop] of this.busy) if (page < a || page > b) stop.abort();
		for (let p = a; p <= b; p++) if (!this.pages.has(p) && !this.busy.has(p) && !this.failed.has(p)) this.fetch(p);
	}

	/** pages that failed are tried again */
	retry(): void {
		this.failed.clear();
		if (this.summary) this.show(this.wanted[0] * PAGE, this.wanted[1] * PAGE);
		else this.fetch(0);
	}

	private frame(): Partial<SessionsRequest> {
		// later pages are of the frame that the first one's answer names, or rows would shift between them
		return this.summary ? { from: this.summary.from_us, to: this.summary.to_us, last: undefined } : {};
	}

	private fetch(page: number): void {
		const stop = new AbortController();
		const sort = COLUMN.get(this.sorting.by)?.sort ?? 'first_us';
		const rows: Row[] = [];
		this.busy.set(page, stop);
		opRows<Row, { summary: Summary }>(
			{ ...this.request, ...this.frame(), sort: (this.sorting.descending ? '-' : '') + sort, offset: page * PAGE, most: PAGE },
			(more) => void rows.push(...more),
			{ signal: stop.signal, onProgress: (p) => !this.closed && this.progress(p) },
		)
			.then((reply) => {
				this.busy.delete(page);
				if (this.closed || !reply) return;
				if (!this.summary) {
					this.summary = reply.summary;
					this.total = reply.summary.sessions;
				}
				this.pages.delete(page);
				this.pages.set(page, rows);
				for (const old of this.pages.keys()) {
					if (this.pages.size <= PAGES_KEPT) break;
					if (old < this.wanted[0] || old > this.wanted[1]) this.pages.delete(old);
				}
				if (this.busy.size === 0) this.progress(null);
				this.changed();
				this.show(this.wanted[0] * PAGE, this.wanted[1] * PAGE);
			})
			.catch((e: unknown) => {
				this.busy.delete(page);
				if (this.busy.size === 0 && !this.closed) this.progress(null);
				if (this.closed || (e instanceof DOMException && e.name === 'AbortError')) return;
				this.failed.add(page);
				this.trouble(e);
			});
	}

	close(): void {
		this.closed = true;
		for (const stop of this.busy.values()) stop.abort();
	}
}

/** Rows of a saved file, sorted and searched here: the file is all there is. */
export class FileRows implements Source {
	private order: Uint32Array;
	private kept = new Map<number, Row>();

	constructor(
		private readonly file: SavedFile,
		sorting: Sorting,
		search: string,
	) {
		const words = search.toLowerCase().split(/\s+/).filter((w) => w !== '');
		const found: number[] = [];
		file.records.forEach((r, i) => {
			const text = words.length ? r.toLowerCase() : '';
			if (words.every((w) => text.includes(w))) found.push(i);
		});
		const column = COLUMN.get(sorting.by);
		if (column) {
			const values = new Map(found.map((i) => [i, valueOf(column, file.row(i))]));
			const sign = sorting.descending ? -1 : 1;
			found.sort((a, b) => sign * compareValues(values.get(a), values.get(b)) || a - b);
		}
		this.order = Uint32Array.from(found);
	}

	get total(): number {
		return this.order.length;
	}

	row(i: number): Row | undefined {
		const at = this.order[i];
		if (at === undefined) return undefined;
		let row = this.kept.get(at);
		if (!row) {
			if (this.kept.size > 2000) this.kept.clear();
			row = this.file.row(at);
			this.kept.set(at, row);
		}
		return row;
	}
	show(): void {}
	close(): void {}
}
