// Values for completion: those of the grammar, and the server's (operation `complete`, where it exists).
import { ApiError, op } from '@/api/client';
import { COMPLETED, type GrammarField } from './grammar';

export interface Offer {
	value: string;
	help?: string;
}
let known = true;

export async function offers(field: GrammarField | undefined, prefix: string, signal?: AbortSignal): Promise<Offer[]> {
	if (!field) return [];
	const p = prefix.toLowerCase();
	const own = field.values.filter((v) => v.name.toLowerCase().startsWith(p) || (v.help ?? '').toLowerCase().includes(p)).map((v): Offer => ({ value: v.name, help: v.help ?? (v.number === undefined ? undefined : String(v.number)) }));
	if (!known || !COMPLETED.has(field.type)) return own.slice(0, 100);
	try {
		const reply = await op('complete', { field: field.name, prefix, last: '1d' }, { signal });
		const theirs = reply.values.map((v): Offer => ({ value: v.value, help: v.label ?? undefined }));
		const seen = new Set(theirs.map((t) => t.value));
		return [...theirs, ...own.filter((o) => !seen.has(o.value))].slice(0, 100);
	} catch (e) {
		if (e instanceof ApiError && (e.code === 'unknown_op' || e.status === 404)) known = false;
		return own.slice(0, 100);
	}
}
