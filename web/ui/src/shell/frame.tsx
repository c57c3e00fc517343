// Around every screen: the top bar with the screens, the command palette, the keyboard, the user's menu.
import { ActionIcon, Burger, Drawer, Group, Menu, NavLink, Text, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconDeviceDesktop, IconKeyboard, IconLogout, IconMoon, IconSearch, IconSun, IconUser, IconWorld } from '@tabler/icons-react';
import { Suspense, useEffect } from 'react';
import { useMe } from '@/state/me';
import { useZone } from '@/state/zone';
import { useKeyboard } from './keyboard';
import { KeyboardHelp } from './keyboard_help';
import { Logo } from './logo';
import { Palette, openPalette } from './palette';
import { Empty, Fence, Waiting } from './parts';
import { Link, navigate, usePath } from './router';
import { screenOf, screens, type Screen } from './screens';
import { Tooltip } from './tip';
import { ZoneDialog } from './zone';
import { useHome } from './home';
import classes from './frame.module.css';

const SCHEMES = [
	{ value: 'light', label: 'Light', icon: IconSun },
	{ value: 'dark', label: 'Dark', icon: IconMoon },
	{ value: 'auto', label: 'As the system', icon: IconDeviceDesktop },
] as const;

function UserMenu({ mine, onLeave, onZone, onKeys }: { mine: Screen[]; onLeave: () => void; onZone: () => void; onKeys: () => void }) {
	const me = useMe();
	const [, choice] = useZone();
	const { colorScheme, setColorScheme } = useMantineColorScheme();
	return (
		<Menu position="bottom-end" width={230}>
			<Menu.Target>
				<UnstyledButton className={classes.user} aria-label={`Menu of ${me.user}`}>
					<IconUser size={16} stroke={1.7} />
					<span className={classes.wideOnly}>{me.user}</span>
				</UnstyledButton>
			</Menu.Target>
			<Menu.Dropdown>
				<Menu.Label>{me.admin ? `${me.user}, administrator` : me.user}</Menu.Label>
				{mine.map((s) => (
					<Menu.Item key={s.path} leftSection={<s.icon size={16} />} onClick={() => navigate(s.path)}>
						{s.title}
					</Menu.Item>
				))}
				<Menu.Item leftSection={<IconWorld size={16} />} onClick={onZone}>
					Time zone <Text span c="dimmed" size="xs">{choice === 'browser' ? 'browser’s' : choice}</Text>
				</Menu.Item>
				<Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onKeys} rightSection={<kbd>?</kbd>}>
					Keyboard
				</Menu.Item>
				<Menu.Divider />
				<Menu.Label>Look</Menu.Label>
				{SCHEMES.map((s) => (
					<Menu.Item key={s.value} leftSection={<s.icon size={16} />} rightSection={colorScheme === s.value ? '✓' : undefined} onClick={() => setColorScheme(s.value)}>
						{s.label}
					</Menu.Item>
				))}
				<Menu.Divider />
				<Menu.Item leftSection={<IconLogout size={16} />} onClick={onLeave}>
					Log out
				</Menu.Item>
			</Menu.Dropdown>
		</Menu>
	);
}

export function Frame({ onLeave }: { onLeave: () => void }) {
	const me = useMe();
	const path = usePath();
	const [drawer, { toggle, close }] = useDisclosure(false);
	const [zone, zoneDialog] = useDisclosure(false);
	const [keys, keysDialog] = useDisclosure(false);
	const { colorScheme, setColorScheme } = useMantineColorScheme();
	const dark = colorScheme === 'dark';
	const mine = screens.filter((s) => s.right === 'all' || me.admin);
	const here = screenOf(path);
	useKeyboard(mine, keysDialog.toggle);
	useHome(path === '/');
	useEffect(() => {
		document.title = here ? `${here.title} · Flowtrove` : 'Flowtrove';
		close();
	}, [here, close]);

	const allowed = here && (here.right === 'all' || me.admin);
	return (
		<div className={classes.frame}>
			<a href="#main" className={classes.skip}>
				To the content
			</a>
			<header className={`${classes.top} no-print`}>
				<Burger opened={drawer} onClick={toggle} size="xs" className={classes.narrowOnly} aria-label="Screens" />
				<Link to="/workspace" className={classes.brand} aria-label="Flowtrove">
					<Logo size={24} />
					<span>Flowtrove</span>
				</Link>
				<nav className={classes.nav} aria-label="Screens">
					{mine
						.filter((s) => s.place === 'main')
						.map((s) => (
							<Link key={s.path} to={s.path} className={classes.link} data-active={here === s || undefined} aria-current={here === s ? 'page' : undefined}>
								<s.icon size={16} stroke={1.7} />
								{s.title}
							</Link>
						))}
				</nav>
				<Group gap={4} wrap="nowrap">
					<UnstyledButton className={classes.search} onClick={openPalette} aria-label="Go to … Ctrl K">
						<IconSearch size={15} />
						<span className={classes.wideOnly}>Go to …</span>
						<kbd className={classes.wideOnly}>Ctrl K</kbd>
					</UnstyledButton>
					<Tooltip label={dark ? 'Light' : 'Dark'}>
						<ActionIcon size="lg" aria-label={dark ? 'Light colours' : 'Dark colours'} onClick={() => setColorScheme(dark ? 'light' : 'dark')} className={classes.wideOnly}>
							{dark ? <IconSun size={17} stroke={1.7} /> : <IconMoon size={17} stroke={1.7} />}
						</ActionIcon>
					</Tooltip>
					<UserMenu mine={mine.filter((s) => s.place === 'user')} onLeave={onLeave} onZone={zoneDialog.open} onKeys={keysDialog.open} />
				</Group>
			</header>
			<Drawer opened={drawer} onClose={close} size={260} title="Flowtrove" closeButtonProps={{ 'aria-label': 'Close' }}>
				{mine
					.filter((s) => s.place !== 'none')
					.map((s) => (
						<NavLink key={s.path} label={s.title} leftSection={<s.icon size={18} stroke={1.7} />} active={here === s} onClick={() => navigate(s.path)} />
					))}
			</Drawer>
			<main id="main" className={classes.main} tabIndex={-1}>
				<Fence name={path}>
					<Suspense fallback={<Waiting />}>
						{here && allowed ? (
							<here.view />
						) : here ? (
							<Empty title="Only administrators see this screen">Ask one of them, or log in as one.</Empty>
						) : path === '/' ? (
							<Waiting />
						) : (
							<Empty title="There is no such screen">
								The address may be mistyped. <Link to="/workspace">Open the workspace</Link>
							</Empty>
						)}
					</Suspense>
				</Fence>
			</main>
			<Palette screens={mine} onLeave={onLeave} onZone={zoneDialog.open} onKeys={keysDialog.open} />
			<ZoneDialog opened={zone} onClose={zoneDialog.close} />
			<KeyboardHelp opened={keys} onClose={keysDialog.close} screens={mine} />
		</div>
	);
}
