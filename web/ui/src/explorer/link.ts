// The explorer's state in the address:
//   /sessions?v=1&f=FILTER&last=15m | from=…&to=…&s=-bytes&q=SEARCH&whole=1
export interface ExplorerState {
	filter: string;
	last?: string;
	from?: string;
	to?: string;
	sort: string;
	descending: boolean;
	search: string;
	whole: boolean;
}

export function explorerState(search: string): ExplorerState {
	const q = new URLSearchParams(search);
	const sort = q.get('s') ?? 'first_us';
	const from = q.get('from') ?? undefined;
	const to = q.get('to') ?? undefined;
	return {
		filter: q.get('f') ?? '',
		...(from && to ? { from, to } : { last: q.get('last') ?? '15m' }),
		sort: sort.replace(/^-/, ''),
		descending: sort.startsWith('-'),
		search: q.get('q') ?? '',
		whole: q.get('whole') === '1',
	};
}

export function explorerLink(s: ExplorerState): string {
	const q = new URLSearchParams({ v: '1' });
	if (s.filter) q.set('f', s.filter);
	if (s.from && s.to) {
		q.set('from', s.from);
		q.set('to', s.to);
	} else q.set('last', s.last ?? '15m');
	if (s.sort !== 'first_us' || s.descending) q.set('s', (s.descending ? '-' : '') + s.sort);
	if (s.search) q.set('q', s.search);
	if (s.whole) q.set('whole', '1');
	return `/sessions?${q}`;
}

export const frameRequest = (s: ExplorerState): { last?: string; from?: string; to?: string } => (s.from && s.to ? { from: s.from, to: s.to } : { last: s.last ?? '15m' });

export function workspaceLink(s: ExplorerState): string {
	const q = new URLSearchParams({ v: '1' });
	if (s.filter) q.set('f', s.filter);
	for (const [k, v] of Object.entries(frameRequest(s))) q.set(k, v);
	return `/workspace?${q}`;
}
