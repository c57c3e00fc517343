// What a user prefers, kept on the server (prefs.*) and remembered by the browser, so that the first paint is right and
// an older server without these operations does no harm.
import { useCallback, useSyncExternalStore } from 'react';
import { opLoose } from '@/api/client';

type Json = string | number | boolean | null | Json[] | { [k: string]: Json };
const KEY = 'flowtrove.prefs';
let all: Record<string, Json> = load();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
const dirty = new Set<string>();

function load(): Record<string, Json> {
	try {
		return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, Json>;
	} catch {
		return {};
	}
}
function changed(): void {
	try {
		localStorage.setItem(KEY, JSON.stringify(all));
	} catch {
		// private mode, or full: then only for this page
	}
	for (const l of listeners) l();
}

/** after login: what the server has wins */
export async function fetchPrefs(): Promise<void> {
	try {
		const { prefs } = await opLoose<{ prefs?: Record<string, Json> }>('prefs.get', {});
		if (prefs) {
			all = { ...all, ...prefs };
			changed();
		}
	} catch {
		// kept by the browser alone
	}
}
/** at logout: another person may sit here next */
export function forgetPrefs(): void {
	const scheme = all.scheme;
	all = scheme === undefined ? {} : { scheme };
	changed();
}

function push(): void {
	for (const key of dirty) opLoose('prefs.set', { key, value: all[key] ?? null }).catch(() => undefined);
	dirty.clear();
}

export function getPref<T extends Json>(key: string, otherwise: T): T {
	return (key in all ? all[key] : otherwise) as T;
}
export function setPref(key: string, value: Json): void {
	all = { ...all, [key]: value };
	changed();
	dirty.add(key);
	clearTimeout(timer);
	timer = setTimeout(push, 800);
}
export function usePref<T extends Json>(key: string, otherwise: T): [T, (v: T) => void] {
	const value = useSyncExternalStore(
		(f) => {
			listeners.add(f);
			return () => listeners.delete(f);
		},
		() => (key in all ? (all[key] as T) : otherwise),
	);
	return [value, useCallback((v: T) => setPref(key, v), [key])];
}
