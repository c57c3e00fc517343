// Every screen of the interface, once.  Navigation, routes, the command palette, the keyboard map and titles come from
// these rows; a screen is loaded when it is first opened.  Adding one is one row.
//   path   first part of its address; what follows it is the screen's own business (usePlace() has it)
//   right  all, or admin: administrators
//   place  where it is linked: main (top), user (menu of the user), none
//   key    second key after g
import { IconChartAreaLine, IconPlugConnected, IconRouter, IconSettings, IconTable, IconUserCog } from '@tabler/icons-react';
import { lazy, type ComponentType, type LazyExoticComponent } from 'react';

type Loader = () => Promise<{ default: ComponentType }>;
export interface Screen {
	path: string;
	title: string;
	icon: ComponentType<{ size?: number; stroke?: number }>;
	right: 'all' | 'admin';
	place: 'main' | 'user' | 'none';
	key?: string;
	/** other words people look for it by */
	words?: string;
	load: Loader;
	view: LazyExoticComponent<ComponentType>;
}
const screen = (s: Omit<Screen, 'view'>): Screen => ({ ...s, view: lazy(s.load) });

export const screens: Screen[] = [
	screen({ path: '/workspace', title: 'Workspace', icon: IconChartAreaLine, right: 'all', place: 'main', key: 'w', words: 'views top talkers chart', load: () => import('@/workspace/screen') }),
	screen({ path: '/sessions', title: 'Sessions', icon: IconTable, right: 'all', place: 'main', key: 's', words: 'explorer raw flows slices list csv', load: () => import('@/explorer/screen') }),
	screen({ path: '/exporters', title: 'Exporters', icon: IconRouter, right: 'all', place: 'main', key: 'e', words: 'devices routers switches sampling loss interfaces', load: () => import('@/admin/exporters') }),
	screen({ path: '/admin', title: 'Administration', icon: IconSettings, right: 'admin', place: 'main', key: 'a', words: 'users groups names tokens audit settings sizes memory sflow', load: () => import('@/admin/screen') }),
	screen({ path: '/account', title: 'Your account', icon: IconUserCog, right: 'all', place: 'user', words: 'password tokens names', load: () => import('@/admin/account') }),
	screen({ path: '/start', title: 'Getting flows', icon: IconPlugConnected, right: 'all', place: 'user', words: 'devices exporters netflow commands waiting', load: () => import('@/shell/start') }),
];

export function screenOf(path: string): Screen | undefined {
	return screens.find((s) => path === s.path || path.startsWith(s.path + '/'));
}
