// The explorer's state in the address: the workspace's scope (state/view.ts: v f from to exp if ev border), and
//   s=-bytes   sorted by; a minus: the largest first     q=SEARCH     whole=1
import { frameOf, frameQuery, frameSearch, type Scope } from '@/state/view';
import { bothFilters, searchFilter } from './search';
import type { SessionsRequest } from './rows';

export interface ExplorerState extends Scope {
	sort: string;
	descending: boolean;
	search: string;
	whole: boolean;
	mode: 'all' | 'any' | 'raw';
}

export function explorerState(address: string): ExplorerState {
	const q = new URLSearchParams(address);
	const sort = q.get('s') ?? 'first_us';
	const mode = q.get('mode');
	return {
		...frameOf(address),
		sort: sort.replace(/^-/, ''),
		descending: sort.startsWith('-'),
		search: q.get('q') ?? '',
		whole: q.get('whole') === '1',
		mode: mode === 'any' || mode === 'raw' ? mode : 'all',
	};
}

export function explorerLink(s: ExplorerState): string {
	const q = new URLSearchParams();
	if (s.mode !== 'all') q.set('mode', s.mode);
	if (s.sort !== 'first_us' || s.descending) q.set('s', (s.descending ? '-' : '') + s.sort);
	if (s.search) q.set('q', s.search);
	if (s.whole) q.set('whole', '1');
	const more = q.toString();
	return `/sessions?${frameSearch(s)}${more ? `&${more}` : ''}`;
}

export const workspaceLink = (s: ExplorerState): string => `/workspace?${frameSearch(s)}`;

export function sessionsRequest(s: ExplorerState): SessionsRequest {
	const filter = bothFilters(s.filter, searchFilter(s.search));
	return { ...frameQuery(s), filter: filter || undefined, ...(s.whole ? { whole: true } : {}) };
}
