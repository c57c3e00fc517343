// What can be done with a value: clicked in the table, the chart's legend, a graph, the session explorer.  One menu for the
// whole interface, opened at a place.
import { Menu, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconCopy, IconFilter, IconFilterOff, IconListDetails, IconServer, IconTag, IconTopologyStar, IconUser, IconWorld, IconBuilding, IconNetwork, IconUsersGroup, IconApps } from '@tabler/icons-react';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { opRows } from '@/api/client';
import { print } from '@/filter/ast';
import { narrowed } from '@/filter/lines';
import { currentPlace, navigate } from '@/shell/router';
import { frameOf, frameQuery, frameSearch } from '@/state/view';
import { openNameDialog } from './name_dialog';
import { changeWorkspace } from './state';
import { countryName, flag, type Thing } from './things';

interface Open {
	thing: Thing;
	at: { x: number; y: number };
	/** the whole row, if the value is a part of it */
	whole?: Thing[];
}
let open: Open | null = null;
const listeners = new Set<() => void>();
const set = (o: Open | null): void => {
	open = o;
	for (const l of listeners) l();
};
export function openValueMenu(o: Open): void {
	set(o);
}

const filterOf = (tests: [string, string][]): string => print({ is: 'and', items: tests.map(([field, v]) => ({ is: 'test', field, op: '==', values: [v] })) });

export function withTests(filter: string, tests: [string, string][], exclude: boolean): string {
	if (!exclude) return tests.reduce((f, [field, v]) => narrowed(f, field, v, false), filter);
	const [only] = tests;
	if (tests.length === 1 && only) return narrowed(filter, only[0], only[1], true);
	const not = `!(${filterOf(tests)})`;
	return filter.trim() === '' ? not : `(${filter.trim()}) && ${not}`;
}

interface About {
	as?: string;
	country?: string;
	netblock?: string;
	group?: string;
}
/** AS, country, netblock and group of an address, as its latest session of the frame has them. */
async function aboutOf(address: string, signal: AbortSignal): Promise<About> {
	const scope = { ...frameOf(currentPlace().search), filter: `ADDR == ${address}` };
	let about: About = {};
	await opRows<Record<string, unknown>>(
		{ ...frameQuery(scope), most: 1 },
		(rows) => {
			const r = rows[0];
			if (!r) return;
			const side = r.client_ip === address ? 'client' : 'server';
			const text = (k: string): string | undefined => {
				const v = r[`${side}_${k}`];
				return v === null || v === undefined || v === '' || v === 0 || v === '??' ? undefined : String(v);
			};
			about = { as: text('as'), country: text('country'), netblock: text('netblock'), group: text('group') };
		},
		{ signal },
	);
	return about;
}

function apply(filter: string): void {
	const place = currentPlace();
	if (place.path.startsWith('/workspace')) changeWorkspace({ filter });
	else navigate(`${place.path}?${frameSearch({ ...frameOf(place.search), filter })}`);
}
function copy(text: string): void {
	const done = () => notifications.show({ message: `Copied: ${text}`, autoClose: 2000 });
	if (navigator.clipboard) void navigator.clipboard.writeText(text).then(done, () => undefined);
	else notifications.show({ title: 'Copy it from here', message: text, autoClose: false });
}

const NAMED: Record<string, string> = { address: 'address', netblock: 'netblock', as: 'as', group: 'group', exporter: 'exporter', port: 'port', vlan: 'vlan', qos: 'qos', interface: 'interface' };

export function ValueMenu() {
	const o = useSyncExternalStore(
		(f) => {
			listeners.add(f);
			return () => listeners.delete(f);
		},
		() => open,
	);
	const [about, setAbout] = useState<About>({});
	const thing = o?.thing;
	useEffect(() => {
		setAbout({});
		if (thing?.kind !== 'address') return undefined;
		const stop = new AbortController();
		aboutOf(thing.key, stop.signal).then(setAbout, () => undefined);
		return () => stop.abort();
	}, [thing]);
	if (!o || !thing) return null;
	const scope = frameOf(currentPlace().search);
	const close = () => set(null);
	const narrow = (tests: [string, string][], exclude = false) => apply(withTests(scope.filter, tests, exclude));
	const view = (entity: string, count = 'BYTES') =>
		changeWorkspace((w) => ({ filter: withTests(w.filter, thing.tests, false), views: w.views.map((v, i) => (i === w.tab ? { entity, count, direction: 'total' as const } : v)), sort: '', type: w.type === 'graph' || w.type === 'sankey' ? 'area' : w.type }));
	const inWorkspace = currentPlace().path.startsWith('/workspace');
	const can = thing.tests.length > 0;
	const { sides } = thing;
	const kind = NAMED[thing.kind];
	const item = (field: string, value: string, label: string, icon: typeof IconFilter) => {
		const I = icon;
		return (
			<Menu.Item leftSection={<I size={15} />} onClick={() => narrow([[field, value]])}>
				{label}
			</Menu.Item>
		);
	};
	const whole = o.whole?.flatMap((t) => t.tests) ?? [];
	return (
		<Menu opened onClose={close} position="bottom-start" withinPortal returnFocus width={270} key={`${thing.key}${o.at.x},${o.at.y}`}>
			<Menu.Target>
				<button type="button" tabIndex={-1} aria-label="The value clicked on" style={{ position: 'fixed', left: o.at.x, top: o.at.y, width: 1, height: 1, padding: 0, border: 0, opacity: 0, pointerEvents: 'none' }} />
			</Menu.Target>
			<Menu.Dropdown data-testid="value-menu">
				<Menu.Label>
					<Text size="xs" truncate>{thing.key}</Text>
				</Menu.Label>
				{can && (
					<>
						<Menu.Item leftSection={<IconFilter size={15} />} onClick={() => narrow(thing.tests)}>
							Only this
						</Menu.Item>
						<Menu.Item leftSection={<IconFilterOff size={15} />} onClick={() => narrow(thing.tests, true)}>
							Without this
						</Menu.Item>
						{o.whole && o.whole.length > 1 && whole.length > 1 && (
							<Menu.Item leftSection={<IconTopologyStar size={15} />} onClick={() => narrow(whole)}>
								Only between these
							</Menu.Item>
						)}
						{sides && (
							<>
								<Menu.Item leftSection={<IconUser size={15} />} onClick={() => narrow([[sides[0], thing.tests[0]?.[1] ?? thing.key]])}>
									Only {thing.kind === 'interface' || thing.kind === 'vlan' ? 'coming in by it' : thing.kind === 'port' ? 'as client port' : 'as client'}
								</Menu.Item>
								<Menu.Item leftSection={<IconServer size={15} />} onClick={() => narrow([[sides[1], thing.tests[0]?.[1] ?? thing.key]])}>
									Only {thing.kind === 'interface' || thing.kind === 'vlan' ? 'going out by it' : thing.kind === 'port' ? 'as server port' : 'as server'}
								</Menu.Item>
							</>
						)}
					</>
				)}
				{thing.kind === 'address' && (about.as || about.country || about.netblock || about.group) && (
					<>
						<Menu.Divider />
						{about.netblock && item('BLK', about.netblock, `Its netblock ${about.netblock}`, IconNetwork)}
						{about.as && item('ASN', about.as, `Its AS ${about.as}`, IconBuilding)}
						{about.country && item('CC', about.country, `Its country, ${countryName(about.country)} ${flag(about.country)}`, IconWorld)}
						{about.group && item('GRP', about.group, `Its group ${about.group}`, IconUsersGroup)}
					</>
				)}
				{can && (
					<>
						<Menu.Divider />
						{inWorkspace && thing.kind === 'address' && (
							<Menu.Item leftSection={<IconTopologyStar size={15} />} onClick={() => view('IPPAIR')}>
								Whom it talks to
							</Menu.Item>
						)}
						{inWorkspace && thing.kind !== 'port' && thing.kind !== 'application' && (
							<Menu.Item leftSection={<IconApps size={15} />} onClick={() => view('PORTPROTO')}>
								Its ports and protocols
							</Menu.Item>
						)}
						{inWorkspace && (thing.kind === 'port' || thing.kind === 'application' || thing.kind === 'protocol') && (
							<Menu.Item leftSection={<IconServer size={15} />} onClick={() => view('IP')}>
								Hosts that use it
							</Menu.Item>
						)}
						<Menu.Item leftSection={<IconListDetails size={15} />} onClick={() => navigate(`/sessions?${frameSearch({ ...scope, filter: withTests(scope.filter, thing.tests, false) })}`)}>
							Its sessions
						</Menu.Item>
					</>
				)}
				<Menu.Divider />
				{kind && (
					<Menu.Item leftSection={<IconTag size={15} />} onClick={() => openNameDialog({ kind, key: thing.key })}>
						Friendly name …
					</Menu.Item>
				)}
				<Menu.Item leftSection={<IconCopy size={15} />} onClick={() => copy(thing.key)}>
					Copy
				</Menu.Item>
				{can && (
					<Menu.Item leftSection={<IconCopy size={15} />} onClick={() => copy(filterOf(thing.tests))}>
						Copy as filter
					</Menu.Item>
				)}
			</Menu.Dropdown>
		</Menu>
	);
}
