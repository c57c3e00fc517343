// The keyboard map.  Screens add their keys with useKeys; the help dialog lists what is registered.
import { useEffect, useRef } from 'react';
import { openPalette } from './palette';
import { navigate } from './router';
import type { Screen } from './screens';

export interface Key {
	/** as KeyboardEvent.key */
	key: string;
	help: string;
	run: () => void;
}
const registered = new Set<Key[]>();
export const registeredKeys = (): Key[] => [...registered].flat();

const typing = (e: KeyboardEvent): boolean => {
	const t = e.target instanceof Element ? e.target : null;
	return !!t?.closest('input, textarea, select, [contenteditable=""], [contenteditable="true"], [role="menu"], [role="listbox"], [role="dialog"]');
};

/** Keys of a screen, while it is shown. */
export function useKeys(keys: Key[]): void {
	const latest = useRef(keys);
	latest.current = keys;
	useEffect(() => {
		const stable = latest.current.map((k, i) => ({ ...k, run: () => latest.current[i]?.run() }));
		registered.add(stable);
		return () => {
			registered.delete(stable);
		};
	}, []);
}

export function useKeyboard(screens: Screen[], help: () => void): void {
	const state = useRef({ screens, help });
	state.current = { screens, help };
	useEffect(() => {
		let pending = 0;
		const down = (e: KeyboardEvent) => {
			if ((e.ctrlKey || e.metaKey) && !e.shiftKey && !e.altKey && e.key.toLowerCase() === 'k') {
				e.preventDefault();
				openPalette();
				return;
			}
			if (e.ctrlKey || e.metaKey || e.altKey || typing(e)) return;
			if (e.timeStamp - pending < 1200 && pending > 0) {
				pending = 0;
				const screen = state.current.screens.find((s) => s.key === e.key);
				if (screen) {
					e.preventDefault();
					navigate(screen.path);
				}
				return;
			}
			if (e.key === 'g') {
				pending = e.timeStamp;
				return;
			}
			if (e.key === '?') {
				state.current.help();
				return;
			}
			const key = registeredKeys().find((k) => k.key === e.key);
			if (key) {
				e.preventDefault();
				key.run();
			}
		};
		window.addEventListener('keydown', down);
		return () => window.removeEventListener('keydown', down);
	}, []);
}
