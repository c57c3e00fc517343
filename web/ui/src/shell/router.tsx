// Paths and query strings, and nothing else: which screen shows is screens.tsx's business, what a query string means its
// screen's.  The interface also answers under /flowtraq, so every path here is without that prefix.
import { useSyncExternalStore, type ComponentPropsWithoutRef, type MouseEvent } from 'react';

export const base = typeof location !== 'undefined' && /^\/flowtraq(\/|$)/.test(location.pathname) ? '/flowtraq' : '';

export interface Place {
	path: string;
	/** without the question mark */
	search: string;
}

const listeners = new Set<() => void>();
let place: Place = read();

function read(): Place {
	if (typeof location === 'undefined') return { path: '/', search: '' };
	return { path: location.pathname.slice(base.length) || '/', search: location.search.slice(1) };
}
function changed(): void {
	place = read();
	for (const l of listeners) l();
}
if (typeof window !== 'undefined') window.addEventListener('popstate', changed);

/** Go to PATH?SEARCH.  `replace` for what the user did not do: automatic changes leave no step to go back to. */
export function navigate(to: string, { replace = false } = {}): void {
	if (base + to === location.pathname + location.search) return;
	if (replace) history.replaceState(null, '', base + to);
	else history.pushState(null, '', base + to);
	changed();
}

export function usePlace(): Place {
	return useSyncExternalStore(
		(f) => {
			listeners.add(f);
			return () => listeners.delete(f);
		},
		() => place,
	);
}
/** the path alone: who asks for it is not drawn again when the query string changes */
export function usePath(): string {
	return useSyncExternalStore(
		(f) => {
			listeners.add(f);
			return () => listeners.delete(f);
		},
		() => place.path,
	);
}
export function currentPlace(): Place {
	return place;
}

/** A link within the interface; opens in a new tab like any other if the user asks the browser for that. */
export function Link({ to, onClick, ...rest }: { to: string } & Omit<ComponentPropsWithoutRef<'a'>, 'href'>) {
	const go = (e: MouseEvent<HTMLAnchorElement>) => {
		onClick?.(e);
		if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
		e.preventDefault();
		navigate(to);
	};
	return <a href={base + to} onClick={go} {...rest} />;
}
