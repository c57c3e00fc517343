// Ctrl-K.  Screens offer commands of their own with useCommands while they are shown.
import { useMantineColorScheme } from '@mantine/core';
import { Spotlight, spotlight, type SpotlightActionGroupData } from '@mantine/spotlight';
import { IconKeyboard, IconLogout, IconMoon, IconSearch, IconSun, IconWorld } from '@tabler/icons-react';
import { useEffect, useSyncExternalStore, type ReactNode } from 'react';
import { navigate } from './router';
import type { Screen } from './screens';

export interface Command {
	id: string;
	label: string;
	description?: string;
	icon?: ReactNode;
	/** other words it is found by */
	words?: string;
	run: () => void;
}

let offered: { group: string; commands: Command[] }[] = [];
const listeners = new Set<() => void>();
const tell = () => listeners.forEach((l) => l());

/** Commands of a screen, while it is shown.  `commands` should keep its identity between renders (useMemo). */
export function useCommands(group: string, commands: Command[]): void {
	useEffect(() => {
		const mine = { group, commands };
		offered = [...offered, mine];
		tell();
		return () => {
			offered = offered.filter((o) => o !== mine);
			tell();
		};
	}, [group, commands]);
}

export const openPalette = (): void => spotlight.open();

export function Palette({ screens, onLeave, onZone, onKeys }: { screens: Screen[]; onLeave: () => void; onZone: () => void; onKeys: () => void }) {
	const { colorScheme, setColorScheme } = useMantineColorScheme();
	const dark = colorScheme === 'dark';
	const mine = useSyncExternalStore(
		(f) => {
			listeners.add(f);
			return () => listeners.delete(f);
		},
		() => offered,
	);
	const groups: SpotlightActionGroupData[] = [
		...mine.map((o) => ({
			group: o.group,
			actions: o.commands.map((c) => ({ id: c.id, label: c.label, description: c.description, leftSection: c.icon, keywords: c.words, onClick: c.run })),
		})),
		{
			group: 'Screens',
			actions: screens.map((s) => ({ id: s.path, label: s.title, keywords: s.words, leftSection: <s.icon size={18} stroke={1.6} />, onClick: () => navigate(s.path) })),
		},
		{
			group: 'Interface',
			actions: [
				{ id: 'scheme', label: dark ? 'Light colours' : 'Dark colours', leftSection: dark ? <IconSun size={18} /> : <IconMoon size={18} />, onClick: () => setColorScheme(dark ? 'light' : 'dark') },
				{ id: 'zone', label: 'Time zone', leftSection: <IconWorld size={18} />, onClick: onZone },
				{ id: 'keys', label: 'Keyboard', leftSection: <IconKeyboard size={18} />, onClick: onKeys },
				{ id: 'leave', label: 'Log out', leftSection: <IconLogout size={18} />, onClick: onLeave },
			],
		},
	];
	return (
		<Spotlight
			actions={groups}
			shortcut={null}
			highlightQuery
			scrollable
			maxHeight={420}
			limit={30}
			nothingFound="Nothing by that name"
			searchProps={{ leftSection: <IconSearch size={18} />, placeholder: 'Go to, or do …', 'aria-label': 'Go to, or do' }}
		/>
	);
}
