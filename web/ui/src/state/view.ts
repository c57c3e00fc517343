// What /workspace and /sessions show, as a query string: readable, versioned, documented in docs/web.md.  Everything that
// changes a result is in it.  A link of an older version is brought up by MIGRATIONS; one of a newer version shows what
// is understood of it.
//   v=1  f=FILTER  mode=any|raw  from= to=  exp=ADDRESS  if=INDEX  ev=VERSION  border=1
//   view=ENTITY.COUNT.DIRECTION (repeated: the tabs)  tab=N  type=area|bars|lines|graph|sankey  unit=bytes
//   rows=25  page=2  sort=COLUMN or -COLUMN  refresh=SECONDS  ws=ID
//   cols=COLUMN,COLUMN  the table's further columns, in this order (nothing: as the user likes them; cols=none: none)
import type { Request } from '@/api/client';
import { currentZone } from './zone';
import { resolveFrame, type Frame } from '@/time/frame';
import { serverNowMs } from '@/words/clock';

export const VERSION = 1;

/** which data: shared by all screens that ask for some */
export interface Scope extends Frame {
	filter: string;
	exporter?: string;
	exporterIf?: number;
	exporterVersion?: string;
	border?: boolean;
}
export type Direction = 'total' | 'sent' | 'received';
export interface ViewSpec {
	entity: string;
	/** BYTES … or "UNIQUE IP" */
	count: string;
	direction: Direction;
}
export type ChartType = 'area' | 'bars' | 'lines' | 'graph' | 'sankey';
export interface Workspace extends Scope {
	/** how the filter is edited; never what it means */
	mode: 'all' | 'any' | 'raw';
	views: ViewSpec[];
	tab: number;
	type: ChartType;
	unit: 'bits' | 'bytes';
	rows: number;
	page: number;
	/** column, with a minus: falling; empty: by rank */
	sort: string;
	/** seconds; 0: off */
	refresh: number;
	saved?: string;
	/** the table's further columns, in this order; undefined: as the user likes them */
	columns?: string[];
}

/** further columns of the table of a view */
export const AMOUNTS = ['bytes_sent', 'bytes_received', 'packets_sent', 'packets_received', 'sessions_initiated', 'sessions_accepted'] as const;
export const ROWS = [10, 25, 100, 1000];
export const TABS_MOST = 10;
export const DEFAULT: Workspace = {
	from: 'now-15m', to: 'now', filter: '', mode: 'all', views: [{ entity: 'IP', count: 'BYTES', direction: 'total' }],
	tab: 0, type: 'area', unit: 'bits', rows: 10, page: 0, sort: '', refresh: 0,
};

/** percent-encoding of only what a query string can't carry, so that links stay readable */
function encode(text: string): string {
	return encodeURIComponent(text)
		.replaceAll('%20', '+')
		.replace(/%(3A|2F|2C|3D|21|28|29|2A|40|7E|24|3B)/g, (m) => decodeURIComponent(m));
}

const MIGRATIONS: Record<number, (p: URLSearchParams) => void> = {};

function opened(search: string): URLSearchParams {
	const p = new URLSearchParams(search);
	for (let v = Number(p.get('v') ?? VERSION); v < VERSION; v++) MIGRATIONS[v]?.(p);
	return p;
}

const natural = (text: string | null): number | undefined => (text !== null && /^\d{1,10}$/.test(text) ? Number(text) : undefined);

export function frameOf(search: string): Scope {
	const p = opened(search);
	// last=6h is short for from=now-6h
	const last = /^(\d+[smhdwMy])+$/.test(p.get('last') ?? '') ? (p.get('last') ?? '').replace(/(\d+[smhdwMy])/g, '-$1') : '';
	const scope: Scope = { filter: p.get('f') ?? '', from: p.get('from') ?? (last ? `now${last}` : DEFAULT.from), to: p.get('to') ?? DEFAULT.to };
	const exporter = p.get('exp');
	if (exporter) {
		scope.exporter = exporter;
		const index = natural(p.get('if'));
		if (index !== undefined) scope.exporterIf = index;
		const version = p.get('ev');
		if (version) scope.exporterVersion = version;
	}
	if (p.get('border') === '1') scope.border = true;
	return scope;
}

function scopePairs(s: Scope): [string, string][] {
	const list: [string, string][] = [['v', String(VERSION)]];
	if (s.filter !== '') list.push(['f', s.filter]);
	list.push(['from', s.from], ['to', s.to]);
	if (s.exporter) {
		list.push(['exp', s.exporter]);
		if (s.exporterIf !== undefined) list.push(['if', String(s.exporterIf)]);
		if (s.exporterVersion) list.push(['ev', s.exporterVersion]);
	}
	if (s.border) list.push(['border', '1']);
	return list;
}
const joined = (list: [string, string][]): string => list.map(([k, v]) => `${k}=${encode(v)}`).join('&');
export const frameSearch = (s: Scope): string => joined(scopePairs(s));

/** Members of `stat` and `sessions` for it.  A frame up to now is left to the server's clock; `pin`: ends as times. */
export function frameQuery(s: Scope, pin = false): Pick<Request<'stat'>, 'from' | 'to' | 'last' | 'zone' | 'filter' | 'exporter' | 'exporter_if' | 'exporter_version' | 'border'> {
	const q: ReturnType<typeof frameQuery> = { zone: currentZone() };
	const span = /^now-(\d+[smhdwMy])$/.exec(s.from);
	if (span && s.to === 'now' && !pin) q.last = span[1];
	else {
		const r = resolveFrame(s, serverNowMs(), currentZone());
		q.from = Math.round(r.fromMs * 1000);
		q.to = Math.round(r.toMs * 1000);
	}
	if (s.filter.trim() !== '') q.filter = s.filter;
	if (s.exporter) {
		q.exporter = s.exporter;
		if (s.exporterIf !== undefined) q.exporter_if = s.exporterIf;
		if (s.exporterVersion) q.exporter_version = s.exporterVersion;
	}
	if (s.border) q.border = true;
	return q;
}

const viewText = (v: ViewSpec): string => `${v.entity}.${v.count.replace(' ', '-')}${v.direction === 'total' ? '' : `.${v.direction}`}`;
function viewOf(text: string): ViewSpec | undefined {
	const m = /^([A-Z]{2,20})\.([A-Z]{2,12}(?:-[A-Z]{2,20})?)(?:\.(total|sent|received))?$/.exec(text);
	return m ? { entity: m[1] as string, count: (m[2] as string).replace('-', ' '), direction: (m[3] ?? 'total') as Direction } : undefined;
}

export function workspaceOf(search: string): Workspace {
	const p = opened(search);
	const views = p.getAll('view').map(viewOf).filter((v) => v !== undefined).slice(0, TABS_MOST);
	const w: Workspace = { ...DEFAULT, ...frameOf(search), views: views.length ? views : DEFAULT.views };
	const mode = p.get('mode');
	if (mode === 'any' || mode === 'raw') w.mode = mode;
	w.tab = Math.min(natural(p.get('tab')) ?? 0, w.views.length - 1);
	const type = p.get('type');
	if (type === 'bars' || type === 'lines' || type === 'graph' || type === 'sankey') w.type = type;
	if (p.get('unit') === 'bytes') w.unit = 'bytes';
	const rows = natural(p.get('rows'));
	if (rows !== undefined && ROWS.includes(rows)) w.rows = rows;
	w.page = Math.min(natural(p.get('page')) ?? 0, 100_000);
	const sort = p.get('sort');
	if (sort !== null && /^-?[a-z_]{1,30}$/.test(sort)) w.sort = sort;
	w.refresh = Math.min(natural(p.get('refresh')) ?? 0, 3600);
	const saved = p.get('ws');
	if (saved) w.saved = saved;
	const columns = p.get('cols');
	if (columns !== null) w.columns = [...new Set(columns.split(','))].filter((c) => (AMOUNTS as readonly string[]).includes(c));
	return w;
}

export function workspaceSearch(w: Workspace): string {
	const list = scopePairs(w);
	if (w.mode !== 'all') list.push(['mode', w.mode]);
	for (const v of w.views) list.push(['view', viewText(v)]);
	if (w.tab > 0) list.push(['tab', String(w.tab)]);
	if (w.type !== 'area') list.push(['type', w.type]);
	if (w.unit !== 'bits') list.push(['unit', w.unit]);
	if (w.rows !== DEFAULT.rows) list.push(['rows', String(w.rows)]);
	if (w.page > 0) list.push(['page', String(w.page)]);
	if (w.sort !== '') list.push(['sort', w.sort]);
	if (w.refresh > 0) list.push(['refresh', String(w.refresh)]);
	if (w.columns) list.push(['cols', w.columns.join(',') || 'none']);
	if (w.saved) list.push(['ws', w.saved]);
	return joined(list);
}
