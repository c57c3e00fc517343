// Operations as TanStack queries: cached by name and request, retried while the server starts, cancelled when nobody
// looks any more.
import { QueryClient, useMutation, useQuery, type UseQueryOptions } from '@tanstack/react-query';
import { ApiError, op, type OpName, type Reply, type Request } from './client';

export const queryClient = new QueryClient({
	defaultOptions: {
		queries: {
			staleTime: 10_000,
			refetchOnWindowFocus: false,
			retry: (count, e) => e instanceof ApiError && (e.status === 503 || e.status === 0) && count < 2,
			retryDelay: (count, e) => (e instanceof ApiError && e.retryAfter ? e.retryAfter * 1000 : 500 * 2 ** count),
		},
	},
});

export function useOp<N extends OpName>(
	name: N,
	body: Request<N>,
	options: Omit<UseQueryOptions<Reply<N>, ApiError>, 'queryKey' | 'queryFn'> = {},
) {
	return useQuery<Reply<N>, ApiError>({
		queryKey: [name, body],
		queryFn: ({ signal }) => op(name, body, { signal }),
		...options,
	});
}

/** An operation that changes something; `changes` names the operations whose answers it makes stale. */
export function useChange<N extends OpName>(name: N, changes: OpName[] = []) {
	return useMutation<Reply<N>, ApiError, Request<N>>({
		mutationFn: (body) => op(name, body),
		onSuccess: () => {
			for (const c of changes) void queryClient.invalidateQueries({ queryKey: [c] });
		},
	});
}
