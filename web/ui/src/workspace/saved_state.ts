// Saved workspaces: what is kept of one, on the server and in .ws files (JSON).  Both are read with suspicion.
import { DEFAULT, TABS_MOST, workspaceOf, workspaceSearch, type ViewSpec, type Workspace } from '@/state/view';

export interface SavedState {
	v: number;
	filter?: string;
	/** instead of from and to, as in the built-in ones: 1d */
	last?: string;
	from?: string;
	to?: string;
	views?: ViewSpec[];
	exporter?: string;
	exporter_if?: number;
	border?: boolean;
	mode?: string;
	type?: string;
	unit?: string;
	rows?: number;
	refresh?: number;
	columns?: string[];
	[k: string]: unknown;
}

export function stateOf(w: Workspace): SavedState {
	return {
		v: 1, filter: w.filter, from: w.from, to: w.to, views: w.views, mode: w.mode, type: w.type, unit: w.unit, rows: w.rows, refresh: w.refresh,
		...(w.exporter ? { exporter: w.exporter } : {}), ...(w.exporterIf !== undefined ? { exporter_if: w.exporterIf } : {}), ...(w.border ? { border: true } : {}), ...(w.columns ? { columns: w.columns } : {}),
	};
}

/** Through the address: what it can't carry is dropped. */
export function workspaceFrom(s: SavedState, saved?: string): Workspace {
	const text = (v: unknown): string | undefined => (typeof v === 'string' ? v : undefined);
	const views = (Array.isArray(s.views) ? s.views : []).slice(0, TABS_MOST).filter((v) => typeof v?.entity === 'string' && typeof v.count === 'string');
	const last = text(s.last);
	const w: Workspace = {
		...DEFAULT,
		filter: text(s.filter) ?? '',
		from: last ? `now-${last}` : (text(s.from) ?? DEFAULT.from),
		to: last ? 'now' : (text(s.to) ?? DEFAULT.to),
		views: views.length ? views.map((v) => ({ entity: v.entity, count: v.count, direction: v.direction ?? 'total' })) : DEFAULT.views,
		mode: (text(s.mode) as Workspace['mode']) ?? 'all',
		type: (text(s.type) as Workspace['type']) ?? 'area',
		unit: s.unit === 'bytes' ? 'bytes' : 'bits',
		rows: typeof s.rows === 'number' ? s.rows : DEFAULT.rows,
		refresh: typeof s.refresh === 'number' ? s.refresh : 0,
		...(text(s.exporter) ? { exporter: text(s.exporter) } : {}),
		...(typeof s.exporter_if === 'number' && s.exporter ? { exporterIf: s.exporter_if } : {}),
		...(s.border === true ? { border: true } : {}),
		...(Array.isArray(s.columns) ? { columns: s.columns.filter((c) => typeof c === 'string') } : {}),
		...(saved ? { saved } : {}),
	};
	return workspaceOf(workspaceSearch(w));
}

export interface WsFile {
	flowtrove: 'workspace';
	v: 1;
	name: string;
	description: string;
	notes: string;
	icon: string;
	state: SavedState;
}
export function readWsFile(text: string): WsFile {
	let o: Partial<WsFile>;
	try {
		o = JSON.parse(text) as Partial<WsFile>;
	} catch {
		throw new Error('This is no workspace file: it is not JSON.');
	}
	if (o?.flowtrove !== 'workspace' || typeof o.state !== 'object' || o.state === null) throw new Error('This is no workspace file: it does not say "flowtrove": "workspace".');
	const cut = (v: unknown, most: number): string => (typeof v === 'string' ? v.slice(0, most) : '');
	return { flowtrove: 'workspace', v: 1, name: cut(o.name, 64) || 'Imported workspace', description: cut(o.description, 256), notes: cut(o.notes, 8000), icon: cut(o.icon, 32), state: o.state };
}
export const writeWsFile = (f: Omit<WsFile, 'flowtrove' | 'v'>): string => JSON.stringify({ flowtrove: 'workspace', v: 1, ...f }, null, '\t') + '\n';
