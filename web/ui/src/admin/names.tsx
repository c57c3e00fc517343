// Friendly names: what people call addresses, groups, ports …  One's own beats the administrator's.
import { ActionIcon, Badge, Button, Group, Select, Table, TextInput } from '@mantine/core';
import { IconPencil, IconPlus, IconSearch, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { op } from '@/api/client';
import { queryClient } from '@/api/query';
import { Empty, Panel, Problem, Waiting } from '@/shell/parts';
import { Tooltip } from '@/shell/tip';
import { useMe } from '@/state/me';
import { Ask } from './ask';
import { Head } from './head';
import { NAME_KINDS, kindTitle, type FriendlyName } from './name_kinds';
import classes from './admin.module.css';

const MOST = 10_000;
/** page by page, as many as a person looks through */
async function allNames(signal: AbortSignal): Promise<{ names: FriendlyName[] }> {
	const names: FriendlyName[] = [];
	for (let after: string | null | undefined; names.length < MOST; ) {
		const page = await op('names.list', { most: 1000, ...(after ? { after } : {}) }, { signal });
		names.push(...page.names);
		after = page.next;
		if (!after) break;
	}
	return { names };
}
const stale = () => queryClient.invalidateQueries({ queryKey: ['names.list'] });

function Edit({ was, onClose }: { was: FriendlyName | null; onClose: () => void }) {
	const me = useMe();
	const [kind, setKind] = useState(was?.kind ?? 'address');
	const [key, setKey] = useState(was?.key ?? '');
	const [name, setName] = useState(was?.name ?? '');
	const [whose, setWhose] = useState(was ? was.for : me.admin ? 'all' : 'me');
	const hint = NAME_KINDS.find((k) => k.value === kind)?.hint;
	return (
		<Ask title={was ? 'Change a name' : 'Give a name'} verb="Save" opened onClose={onClose} act={() => op('names.set', { kind, key: key.trim(), name: name.trim(), for: whose }).then(stale)} ready={key.trim() !== '' && name.trim() !== ''}>
			<Select label="To what" data={NAME_KINDS.map(({ value, label }) => ({ value, label }))} value={kind} onChange={(v) => setKind(v ?? 'address')} allowDeselect={false} disabled={was !== null} />
			<TextInput label={kindTitle(kind)} description={hint} required data-autofocus={was === null || undefined} value={key} onChange={(e) => setKey(e.currentTarget.value)} disabled={was !== null} />
			<TextInput label="Name" required maxLength={128} data-autofocus={was !== null || undefined} value={name} onChange={(e) => setName(e.currentTarget.value)} />
			{me.admin && <Select label="Shown to" data={[{ value: 'all', label: 'everybody' }, { value: 'me', label: 'me only' }]} value={whose} onChange={(v) => setWhose(v ?? 'all')} allowDeselect={false} disabled={was !== null} />}
		</Ask>
	);
}

export default function Names() {
	const me = useMe();
	const [edit, setEdit] = useState<FriendlyName | 'new' | null>(null);
	const [gone, setGone] = useState<FriendlyName | null>(null);
	const [search, setSearch] = useState('');
	const { data, error, refetch } = useQuery({ queryKey: ['names.list', 'all'], queryFn: ({ signal }) => allNames(signal) });
	const rows = useMemo(() => (data?.names ?? []).filter((n) => `${n.key} ${n.name}`.toLowerCase().includes(search.trim().toLowerCase())), [data, search]);
	const may = (n: FriendlyName) => me.admin || n.for === 'me';
	return (
		<>
			<Head title="Friendly names" text="Shown in place of addresses, ports, groups and the like. A name of your own goes before one for everybody.">
				<Group gap="xs">
					<TextInput aria-label="Search names" placeholder="Search" leftSection={<IconSearch size={15} />} value={search} onChange={(e) => setSearch(e.currentTarget.value)} />
					<Button leftSection={<IconPlus size={15} />} onClick={() => setEdit('new')}>
						Give a name
					</Button>
				</Group>
			</Head>
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			{!data && !error && <Waiting />}
			{data && rows.length === 0 && <Empty title={data.names.length ? 'No name matches' : 'No names yet'}>Names can also be given by a click on any value in the workspace.</Empty>}
			{rows.length > 0 && (
				<Panel pad={false}>
					<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
						<Table className={classes.table} data-testid="names">
							<Table.Thead>
								<Table.Tr>
									<Table.Th>Name</Table.Th>
									<Table.Th>Kind</Table.Th>
									<Table.Th>Of</Table.Th>
									<Table.Th>Shown to</Table.Th>
									<Table.Th />
								</Table.Tr>
							</Table.Thead>
							<Table.Tbody>
								{rows.map((n) => (
									<Table.Tr key={`${n.for} ${n.kind} ${n.key}`}>
										<Table.Td className={classes.wrap} fw={600}>
											{n.name}
										</Table.Td>
										<Table.Td>{kindTitle(n.kind)}</Table.Td>
										<Table.Td className={classes.mono}>{n.key}</Table.Td>
										<Table.Td>
											<Badge variant="light" color={n.for === 'all' ? 'teal' : 'gray'} tt="none">
												{n.for === 'all' ? 'everybody' : 'you'}
											</Badge>
										</Table.Td>
										<Table.Td>
											{may(n) && (
												<Group gap={2} wrap="nowrap" justify="flex-end">
													<Tooltip label="Change">
														<ActionIcon aria-label={`Change ${n.name}`} onClick={() => setEdit(n)}>
															<IconPencil size={15} />
														</ActionIcon>
													</Tooltip>
													<Tooltip label="Delete">
														<ActionIcon color="red" aria-label={`Delete ${n.name}`} onClick={() => setGone(n)}>
															<IconTrash size={15} />
														</ActionIcon>
													</Tooltip>
												</Group>
											)}
										</Table.Td>
									</Table.Tr>
								))}
							</Table.Tbody>
						</Table>
					</div>
				</Panel>
			)}
			{edit !== null && <Edit was={edit === 'new' ? null : edit} onClose={() => setEdit(null)} />}
			{gone && (
				<Ask title={`Delete the name “${gone.name}”?`} verb="Delete" danger opened onClose={() => setGone(null)} act={() => op('names.delete', { kind: gone.kind, key: gone.key, for: gone.for }).then(stale)}>
					{`${gone.key} is shown as it is again.`}
				</Ask>
			)}
		</>
	);
}
