// Between login and the first screen: what it will ask for is asked at once, so that the server works while the browser
// draws.  Preferences come first (they say how many rows are asked for), but nobody waits long for them.
import { op } from '@/api/client';
import { queryClient } from '@/api/query';
import { fetchPrefs } from '@/state/prefs';
import { setServerNow } from '@/words/clock';
import { currentPlace, navigate } from './router';

const PATIENCE_MS = 400;

/** while somebody types a password: the code of the first screen */
export function preloadFirst(): void {
	void import('@/workspace/screen').then(async () => (await import('@/workspace/chart')).warm());
}

const inTime = (p: Promise<unknown>): Promise<unknown> => Promise.race([p.catch(() => undefined), new Promise((ok) => setTimeout(ok, PATIENCE_MS))]);

async function home(): Promise<void> {
	const list = await queryClient.fetchQuery({ queryKey: ['exporters.list', {}], queryFn: ({ signal }) => op('exporters.list', {}, { signal }), staleTime: 10_000 });
	if (currentPlace().path === '/') navigate(list.exporters.length > 0 ? '/workspace' : '/start', { replace: true });
}

/** Resolves when the first screen may be drawn; what is missing then it asks for itself. */
export async function enter(): Promise<void> {
	const status = op('status', {}).then((s) => setServerNow(s.now_us));
	await inTime(Promise.all([fetchPrefs(), currentPlace().path === '/' ? home() : undefined, status]));
	if (currentPlace().path !== '/workspace') return;
	const { askFirst } = await import('@/workspace/state');
	askFirst();
}
