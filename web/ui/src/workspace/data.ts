// The answer to the view shown: asked for once, with progress, kept on screen until the next one is there.
import { skipToken, useQuery } from '@tanstack/react-query';
import { useMemo, useSyncExternalStore } from 'react';
import { ApiError, op, type Progress, type Reply, type Request } from '@/api/client';
import { queryClient } from '@/api/query';
import { frameQuery, type Workspace } from '@/state/view';
import { entityWords } from './words';

export type View = Reply<'stat'>['view'];
export type Row = View['rows'][number];

/** rows that are fetched to be sorted by another column than the rank */
export const SORT_MOST = 1000;

export function statRequest(w: Workspace, slots: number, pin = false): Request<'stat'> {
	const v = w.views[w.tab] ?? w.views[0];
	const sorted = w.sort !== '';
	return {
		group_by: v?.entity,
		count_by: v?.count,
		direction: v?.direction,
		rows: sorted ? SORT_MOST : w.rows,
		offset: sorted ? 0 : w.page * w.rows,
		slots,
		...frameQuery(w, pin),
	};
}

// progress of the query under way, outside React: it comes several times a second
let progress: Progress | null = null;
const watchers = new Set<() => void>();
function tell(p: Progress | null): void {
	progress = p;
	for (const w of watchers) w();
}
export function useProgress(): Progress | null {
	return useSyncExternalStore(
		(f) => {
			watchers.add(f);
			return () => watchers.delete(f);
		},
		() => progress,
	);
}

/** points of the chart: none for a picture of pairs, fewer on a phone */
function slotsOf(w: Workspace): number {
	const entity = w.views[w.tab]?.entity ?? '';
	if ((w.type === 'graph' || w.type === 'sankey') && entityWords(entity).pair) return 0;
	return innerWidth < 660 ? 60 : 120;
}

/** The question a workspace is: the same object for whoever asks it.  Throws if its time can't be read. */
function viewQuery(w: Workspace) {
	const request = statRequest(w, slotsOf(w));
	return {
		// the frame as written: a relative one is the same question a second later
		queryKey: ['stat', { ...request, from: w.from, to: w.to, last: undefined }] as const,
		queryFn: async ({ signal }: { signal: AbortSignal }): Promise<View> => {
			tell({});
			try {
				const { view } = await op('stat', statRequest(w, slotsOf(w)), { signal, onProgress: tell });
				return view;
			} finally {
				tell(null);
			}
		},
		staleTime: 5_000,
		gcTime: 120_000,
	};
}

/** Asks now what will be shown: the server works while the screen is drawn. */
export function askView(w: Workspace): void {
	try {
		void queryClient.prefetchQuery(viewQuery(w));
	} catch {
		// a time that can't be read: the screen says so
	}
}

export function useView(w: Workspace) {
	const key = useMemo(() => {
		try {
			return { query: viewQuery(w), error: null };
		} catch (e) {
			return { query: null, error: new ApiError(e instanceof Error ? e.message : String(e), 400, 'bad_time') };
		}
	}, [w]);
	const query = useQuery<View, ApiError>({
		...(key.query ?? { queryKey: ['stat', null], queryFn: skipToken }),
		placeholderData: (before: View | undefined) => before,
	});
	return { ...query, error: key.error ?? query.error, cancel: () => void queryClient.cancelQueries({ queryKey: ['stat'] }) };
}

export type Looked = Reply<'lookup'>['addresses'][number];
let lookupKnown = true;
const NONE: Record<string, Looked> = {};
/** Host names, AS and country of addresses, as the sessions of the frame have them; names that take longer come later. */
export function useLookup(addresses: string[], w: Workspace): Record<string, Looked> {
	const list = useMemo(() => [...new Set(addresses)].sort().slice(0, 100), [addresses]);
	const frame = useMemo((): Pick<Request<'lookup'>, 'from' | 'to' | 'last'> => {
		try {
			const { from, to, last } = frameQuery(w);
			return last ? { last } : { from: Number(from), to: Number(to) };
		} catch {
			return {};
		}
	}, [w]);
	const { data } = useQuery<Record<string, Looked>>({
		queryKey: ['lookup', list, w.from, w.to],
		enabled: lookupKnown && list.length > 0,
		staleTime: 600_000,
		placeholderData: (before) => before,
		retry: false,
		refetchInterval: (q) => (q.state.dataUpdateCount < 4 && Object.values(q.state.data ?? NONE).some((a) => a.pending) ? 2500 : false),
		queryFn: async ({ signal }): Promise<Record<string, Looked>> => {
			try {
				const reply = await op('lookup', { addresses: list, ...frame }, { signal });
				return Object.fromEntries(reply.addresses.map((a) => [a.address, a]));
			} catch (e) {
				if (e instanceof ApiError && (e.code === 'unknown_op' || e.status === 404)) lookupKnown = false;
				return {};
			}
		},
	});
	return data ?? NONE;
}
