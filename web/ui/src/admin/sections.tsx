// The parts of the administration, once: address, title, icon, loader.
import { IconAddressBook, IconDatabase, IconHierarchy, IconKey, IconListDetails, IconTags, IconUsers } from '@tabler/icons-react';
import { lazy, type ComponentType, type LazyExoticComponent } from 'react';

export interface Section {
	path: string;
	title: string;
	icon: ComponentType<{ size?: number; stroke?: number }>;
	view: LazyExoticComponent<ComponentType>;
}
export const sections: Section[] = [
	{ path: 'users', title: 'Users', icon: IconUsers, view: lazy(() => import('./users')) },
	{ path: 'groups', title: 'Traffic groups', icon: IconHierarchy, view: lazy(() => import('./groups')) },
	{ path: 'names', title: 'Friendly names', icon: IconTags, view: lazy(() => import('./names')) },
	{ path: 'tokens', title: 'Tokens', icon: IconKey, view: lazy(() => import('./tokens')) },
	{ path: 'storage', title: 'Sizes and memory', icon: IconDatabase, view: lazy(() => import('./storage')) },
	{ path: 'switches', title: 'sFlow switches', icon: IconAddressBook, view: lazy(() => import('./switches')) },
	{ path: 'audit', title: 'Audit log', icon: IconListDetails, view: lazy(() => import('./audit')) },
];
