// The time zone of everything shown: the browser's, UTC, or one by name.  'browser' follows the machine.
import { localZone } from '@/words/clock';
import { getPref, usePref } from './prefs';

export function useZone(): [zone: string, choice: string, set: (z: string) => void] {
	const [choice, set] = usePref<string>('zone', 'browser');
	return [choice === 'browser' ? localZone() : choice, choice, set];
}
export function currentZone(): string {
	const choice = getPref<string>('zone', 'browser');
	return choice === 'browser' ? localZone() : choice;
}
