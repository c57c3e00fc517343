// The workspace's state is its address: one hook to read it and to change it.
import { useCallback, useMemo } from 'react';
import { currentPlace, navigate, usePlace } from '@/shell/router';
import { getPref, setPref } from '@/state/prefs';
import { askView } from './data';
import { DEFAULT, workspaceOf, workspaceSearch, type Workspace } from '@/state/view';

export type Patch = Partial<Workspace>;
/** automatic changes replace the address, so that Back goes to what the user did */
export type Change = (patch: Patch | ((w: Workspace) => Patch), how?: { replace?: boolean }) => void;

/** what a bare /workspace shows */
function preferred(): Workspace {
	const unit = getPref<string>('unit', 'bits');
	const rows = getPref<number>('rows', DEFAULT.rows);
	const columns = getPref<string[]>('columns', []);
	return { ...DEFAULT, ...(columns.length ? { columns } : {}), unit: unit === 'bytes' ? 'bytes' : 'bits', rows };
}

export function readWorkspace(search: string): Workspace {
	return search === '' ? preferred() : workspaceOf(search);
}

const ASKS: (keyof Workspace)[] = ['filter', 'from', 'to', 'exporter', 'exporterIf', 'exporterVersion', 'border', 'views', 'tab', 'rows', 'sort'];

/** changes from anywhere, also from another screen */
export const changeWorkspace: Change = (patch, { replace = false } = {}) => {
	const place = currentPlace();
	const w = readWorkspace(place.search);
	const p = typeof patch === 'function' ? patch(w) : patch;
	const next: Workspace = { ...w, ...p };
	// another question begins on its first page
	if (p.page === undefined && ASKS.some((k) => k in p)) next.page = 0;
	if (p.unit) setPref('unit', p.unit);
	if (p.rows) setPref('rows', p.rows);
	if (p.columns) setPref('columns', p.columns);
	const search = workspaceSearch(next);
	askView(readWorkspace(search));
	navigate(`/workspace?${search}`, { replace });
};

/** the view that the address shows */
export const askFirst = (): void => askView(readWorkspace(currentPlace().search));

export function useWorkspace(): [Workspace, Change] {
	const { search } = usePlace();
	const workspace = useMemo(() => readWorkspace(search), [search]);
	return [workspace, useCallback<Change>((p, how) => changeWorkspace(p, how), [])];
}
