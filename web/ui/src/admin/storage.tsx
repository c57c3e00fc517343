// Sizes and memory: how full the database is, how far back it reaches and how long it lasts; and the settings behind it.
import { Button, Group, Table, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { op, type Reply } from '@/api/client';
import { queryClient, useOp } from '@/api/query';
import { Panel, Problem, Waiting } from '@/shell/parts';
import { Tooltip } from '@/shell/tip';
import { useZone } from '@/state/zone';
import { dateTime } from '@/words/clock';
import { bytes, count, duration, short } from '@/words/format';
import { Ask } from './ask';
import { Head } from './head';
import { Capacity } from './capacity';
import classes from './admin.module.css';

type Setting = Reply<'settings.get'>['settings'][number];

const valueText = (v: unknown): string => (Array.isArray(v) ? v.join(' ') : typeof v === 'boolean' ? (v ? 'yes' : 'no') : String(v ?? ''));

/** settings that say how much is kept, first */
const SIZES = ['sessiontables/conntracksize', 'sessiontables/memcachesize', 'storage/segmentcount', 'storage/segmentsize', 'storage/databasesize', 'storage/maxage', 'storage/storageinterval', 'querythreads', 'querymemory', 'querytime'];

function Change({ s, onClose }: { s: Setting; onClose: () => void }) {
	const [value, setValue] = useState(valueText(s.value));
	const act = () => op('settings.set', { key: s.name, value }).then(() => Promise.all(['settings.get', 'capacity'].map((k) => queryClient.invalidateQueries({ queryKey: [k] }))));
	return (
		<Ask title={s.name} verb="Set" opened onClose={onClose} act={act} ready={value !== valueText(s.value)}>
			<Text size="sm">{s.help}</Text>
			<TextInput label="Value" data-autofocus value={value} onChange={(e) => setValue(e.currentTarget.value)} description={`Default: ${s.default === '' ? 'nothing' : s.default}`} />
			<Text size="sm" c="dimmed">
				{s.live ? 'In effect at once.' : 'In effect after the daemons are restarted.'} Written to the configuration file.
			</Text>
		</Ask>
	);
}

export default function Storage() {
	const [zone] = useZone();
	const [search, setSearch] = useState('');
	const [all, setAll] = useState(false);
	const [change, setChange] = useState<Setting | null>(null);
	const settings = useOp('settings.get', {});
	const status = useOp('status', {}, { refetchInterval: 10_000 });
	const rows = useMemo(() => {
		const list = settings.data?.settings ?? [];
		const wanted = search.trim().toLowerCase();
		if (wanted) return list.filter((s) => `${s.name} ${s.help}`.toLowerCase().includes(wanted));
		const sizes = SIZES.map((n) => list.find((s) => s.name === n)).filter((s): s is Setting => s !== undefined);
		return all ? [...sizes, ...list.filter((s) => !SIZES.includes(s.name))] : sizes;
	}, [settings.data, search, all]);
	const store = (status.data?.store ?? {}) as Record<string, number | null | undefined>;
	const from = store.from_us;
	const to = store.to_us;
	return (
		<>
			<Head title="Sizes and memory" text="How much is kept, and what that holds at today’s rate." />
			{status.error && <Problem error={status.error} onRetry={() => void status.refetch()} />}
			{status.data && (
				<Panel title="The database now">
					<dl className={classes.facts} data-testid="database">
						<dt>Holds</dt>
						<dd>{typeof store.rows === 'number' ? `${count(store.rows)} slices` : 'not told'}</dd>
						{typeof from === 'number' && typeof to === 'number' && to > from && (
							<>
								<dt>Reaches back to</dt>
								<dd>
									{dateTime(from, zone)}, {duration(to - from)}
								</dd>
							</>
						)}
						{typeof store.blocks === 'number' && (
							<>
								<dt>Blocks</dt>
								<dd>{count(store.blocks)}</dd>
							</>
						)}
						{typeof store.bytes === 'number' && (
							<>
								<dt>On disk</dt>
								<dd>{bytes(store.bytes)}</dd>
							</>
						)}
						<dt>Queries</dt>
						<dd>
							{status.data.queries_running ?? 0} running, {status.data.queries_waiting ?? 0} waiting, {status.data.query_threads ?? 0} threads
						</dd>
						<dt>Version</dt>
						<dd>{status.data.version}</dd>
					</dl>
				</Panel>
			)}
			<Capacity />
			<Panel
				title="Settings"
				pad={false}
				aside={
					<Group gap="xs">
						<TextInput size="xs" aria-label="Search settings" placeholder="Search settings" leftSection={<IconSearch size={14} />} value={search} onChange={(e) => setSearch(e.currentTarget.value)} />
						<Button size="xs" variant="default" onClick={() => setAll((x) => !x)}>
							{all ? 'Sizes only' : 'All settings'}
						</Button>
					</Group>
				}
			>
				{settings.error && <Problem error={settings.error} onRetry={() => void settings.refetch()} />}
				{!settings.data && !settings.error && <Waiting />}
				{settings.data && (
					<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
						<Table className={classes.table} data-testid="settings">
							<Table.Thead>
								<Table.Tr>
									<Table.Th>Setting</Table.Th>
									<Table.Th>Value</Table.Th>
									<Table.Th>Meaning</Table.Th>
									<Table.Th />
								</Table.Tr>
							</Table.Thead>
							<Table.Tbody>
								{rows.map((s) => {
									const text = valueText(s.value);
									const n = typeof s.value === 'number' && s.value >= 100_000 ? ` (${short(s.value)})` : '';
									return (
										<Table.Tr key={s.name}>
											<Table.Td className={classes.mono}>{s.name}</Table.Td>
											<Table.Td className={classes.wrap} fw={600}>
												{text === '' ? <Text span c="dimmed" size="sm">not set</Text> : typeof s.value === 'number' ? count(s.value) + n : text}
											</Table.Td>
											<Table.Td>
												{s.help}
												{!s.live && (
													<Text size="xs" c="dimmed">
														changes with a restart
													</Text>
												)}
											</Table.Td>
											<Table.Td>
												{s.settable && <Tooltip label={`Default: ${s.default || 'nothing'}`}>
													<Button size="compact-xs" variant="default" aria-label={`Change ${s.name}`} onClick={() => setChange(s)}>
														Change
													</Button>
												</Tooltip>}
											</Table.Td>
										</Table.Tr>
									);
								})}
							</Table.Tbody>
						</Table>
					</div>
				)}
			</Panel>
			{change && <Change s={change} onClose={() => setChange(null)} />}
		</>
	);
}
