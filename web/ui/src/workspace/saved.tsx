// Workspaces by name: the list (own, shared, built-in), saving, files.
import { ActionIcon, Button, Drawer, Group, Menu, Modal, SimpleGrid, Stack, Switch, Text, Textarea, TextInput, UnstyledButton } from '@mantine/core';
import { IconAlertTriangle, IconBrowser, IconChartAreaLine, IconDeviceDesktop, IconDots, IconFileImport, IconLock, IconMail, IconMovie, IconPhone, IconPuzzle, IconSearch, IconStar, IconTerminal2, IconTrash, IconUsers, IconWorld } from '@tabler/icons-react';
import { notifications } from '@mantine/notifications';
import { useEffect, useRef, useState, type ChangeEvent, type FormEvent } from 'react';
import { op, type Reply } from '@/api/client';
import { queryClient, useOp } from '@/api/query';
import { Empty, Problem, Waiting } from '@/shell/parts';
import { navigate } from '@/shell/router';
import { workspaceSearch, type Workspace } from '@/state/view';
import { download, fileName } from './export';
import { readWsFile, stateOf, workspaceFrom, writeWsFile, type SavedState } from './saved_state';
import classes from './saved.module.css';

export type SavedHead = Reply<'workspaces.list'>['workspaces'][number];

/** nobody, users without a user filter, those with one too */
type Share = 'none' | 'all' | 'everyone';

const ICONS = { chart: IconChartAreaLine, world: IconWorld, alert: IconAlertTriangle, terminal: IconTerminal2, desktop: IconDeviceDesktop, lock: IconLock, mail: IconMail, browser: IconBrowser, search: IconSearch, users: IconUsers, film: IconMovie, phone: IconPhone, puzzle: IconPuzzle, star: IconStar };
export function WorkspaceIcon({ name, size = 16 }: { name: string; size?: number }) {
	const I = (ICONS as Record<string, typeof IconStar>)[name] ?? IconChartAreaLine;
	return <I size={size} stroke={1.7} />;
}

export async function openSaved(id: string): Promise<void> {
	const { workspace } = await op('workspaces.get', { workspace: id });
	navigate(`/workspace?${workspaceSearch(workspaceFrom(workspace.state as unknown as SavedState, workspace.id))}`);
}
const stale = () => {
	void queryClient.invalidateQueries({ queryKey: ['workspaces.list'] });
	void queryClient.invalidateQueries({ queryKey: ['workspaces.get'] });
};

export function SaveDialog({ opened, onClose, w, current, onSaved }: { opened: boolean; onClose: () => void; w: Workspace; current?: SavedHead & { notes?: string }; onSaved: (id: string) => void }) {
	const mine = current?.mine ? current : undefined;
	const [name, setName] = useState('');
	const [description, setDescription] = useState('');
	const [notes, setNotes] = useState('');
	const [icon, setIcon] = useState('chart');
	const [share, setShare] = useState<Share>('none');
	const [error, setError] = useState<unknown>(null);
	const [busy, setBusy] = useState(false);
	useEffect(() => {
		if (!opened) return;
		setName(mine?.name ?? '');
		setDescription(current?.description ?? '');
		setNotes(current?.notes ?? '');
		setIcon(current?.icon || 'chart');
		setShare((mine?.share as Share | undefined) ?? 'none');
		setError(null);
	}, [opened]);
	const save = (id: string | undefined) => {
		setBusy(true);
		setError(null);
		op('workspaces.save', { ...(id ? { workspace: id } : {}), name: name.trim(), description, notes, icon, share, state: stateOf(w) } as never)
			.then(
				({ workspace }) => {
					stale();
					onSaved(workspace.id);
					onClose();
					notifications.show({ message: `Saved: ${workspace.name}` });
				},
				setError,
			)
			.finally(() => setBusy(false));
	};
	const submit = (e: FormEvent) => {
		e.preventDefault();
		save(mine?.id);
	};
	return (
		<Modal opened={opened} onClose={onClose} title="Save this workspace" closeButtonProps={{ 'aria-label': 'Close' }}>
			<form onSubmit={submit}>
				<Stack gap="sm">
					<TextInput label="Name" required maxLength={64} data-autofocus value={name} onChange={(e) => setName(e.currentTarget.value)} />
					<TextInput label="Description" maxLength={200} value={description} onChange={(e) => setDescription(e.currentTarget.value)} />
					<Textarea label="Notes" autosize minRows={2} maxRows={8} maxLength={4000} value={notes} onChange={(e) => setNotes(e.currentTarget.value)} />
					<div role="radiogroup" aria-label="Icon">
						<Text size="sm" fw={500} mb={4}>Icon</Text>
						<Group gap={4}>
							{Object.keys(ICONS).map((i) => (
								<ActionIcon key={i} role="radio" aria-checked={i === icon} aria-label={i} variant={i === icon ? 'light' : 'subtle'} color={i === icon ? undefined : 'gray'} onClick={() => setIcon(i)}>
									<WorkspaceIcon name={i} />
								</ActionIcon>
							))}
						</Group>
					</div>
					<Switch label="Everybody here may open it" checked={share !== 'none'} onChange={(e) => setShare(e.currentTarget.checked ? 'all' : 'none')} />
					{share !== 'none' && (
						<Switch
							label="Users that have a user filter too"
							description="They read its name, text and filter; what it finds is cut by their user filter."
							checked={share === 'everyone'}
							onChange={(e) => setShare(e.currentTarget.checked ? 'everyone' : 'all')}
						/>
					)}
					{error !== null && <Problem error={error} />}
					<Group justify="flex-end">
						{mine && (
							<Button variant="default" disabled={name.trim() === ''} onClick={() => save(undefined)}>
								Save as new
							</Button>
						)}
						<Button type="submit" loading={busy} disabled={name.trim() === ''}>
							Save
						</Button>
					</Group>
				</Stack>
			</form>
		</Modal>
	);
}

function Entry({ s, onOpen }: { s: SavedHead; onOpen: () => void }) {
	const [error, setError] = useState<unknown>(null);
	const file = () => {
		op('workspaces.get', { workspace: s.id }).then(({ workspace: w }) => {
			download(new Blob([writeWsFile({ name: w.name, description: w.description, notes: w.notes, icon: w.icon, state: w.state as unknown as SavedState })], { type: 'application/json' }), fileName(w.name, 'ws'));
		}, setError);
	};
	const remove = () => op('workspaces.delete', { workspace: s.id }).then(stale, setError);
	const share = (how: Share) =>
		op('workspaces.get', { workspace: s.id })
			.then(({ workspace: w }) => op('workspaces.save', { workspace: w.id, name: w.name, description: w.description, notes: w.notes, icon: w.icon, state: w.state, share: how } as never))
			.then(stale, setError);
	return (
		<div className={classes.entry}>
			<UnstyledButton className={classes.open} onClick={() => openSaved(s.id).then(onOpen, setError)}>
				<WorkspaceIcon name={s.icon} size={18} />
				<span className={classes.words}>
					<b>{s.name}</b>
					<span>{s.description || (s.mine || s.built_in ? '' : `by ${s.owner ?? 'nobody'}`)}</span>
				</span>
			</UnstyledButton>
			{s.mine && s.share !== 'none' && <Text size="xs" c="dimmed">{s.share === 'everyone' ? 'shared with everybody' : 'shared'}</Text>}
			{!s.built_in && !s.mine && <Text size="xs" c="dimmed">{s.owner}</Text>}
			<Menu position="bottom-end">
				<Menu.Target>
					<ActionIcon aria-label={`More for ${s.name}`}>
						<IconDots size={16} />
					</ActionIcon>
				</Menu.Target>
				<Menu.Dropdown>
					<Menu.Item onClick={file}>Save as a .ws file</Menu.Item>
					{s.mine && s.share === 'none' && <Menu.Item onClick={() => share('all')}>Share with users that have no user filter</Menu.Item>}
					{s.mine && s.share !== 'everyone' && <Menu.Item onClick={() => share('everyone')}>Share with users that have a user filter too</Menu.Item>}
					{s.mine && s.share !== 'none' && <Menu.Item onClick={() => share('none')}>Share no longer</Menu.Item>}
					{s.mine && (
						<Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={remove}>
							Delete
						</Menu.Item>
					)}
				</Menu.Dropdown>
			</Menu>
			{error !== null && <Problem error={error} />}
		</div>
	);
}

export function SavedDrawer({ opened, onClose }: { opened: boolean; onClose: () => void }) {
	const { data, error, refetch, isPending } = useOp('workspaces.list', {}, { enabled: opened });
	const [search, setSearch] = useState('');
	const [wrong, setWrong] = useState<unknown>(null);
	const input = useRef<HTMLInputElement>(null);
	const list = (data?.workspaces ?? []).filter((s) => `${s.name} ${s.description} ${s.owner ?? ''}`.toLowerCase().includes(search.trim().toLowerCase()));
	const groups: [string, SavedHead[]][] = [
		['Mine', list.filter((s) => s.mine)],
		['Shared by others', list.filter((s) => !s.mine && !s.built_in)],
		['Examples', list.filter((s) => s.built_in)],
	];
	const bring = (e: ChangeEvent<HTMLInputElement>) => {
		const f = e.currentTarget.files?.[0];
		e.currentTarget.value = '';
		if (!f) return;
		setWrong(null);
		if (f.size > 262_144) return setWrong(new Error('This file is too large for a workspace (256 KB at most).'));
		f.text()
			.then(readWsFile)
			.then((file) => op('workspaces.save', { name: file.name, description: file.description, notes: file.notes, icon: file.icon, share: 'none', state: stateOf(workspaceFrom(file.state)) } as never))
			.then(({ workspace }) => {
				stale();
				return openSaved(workspace.id);
			})
			.then(onClose, setWrong);
	};
	return (
		<Drawer opened={opened} onClose={onClose} position="right" size={420} title="Workspaces" closeButtonProps={{ 'aria-label': 'Close' }}>
			<Stack gap="sm">
				<Group gap={8} wrap="nowrap">
					<TextInput flex={1} size="xs" placeholder="Search" aria-label="Search workspaces" leftSection={<IconSearch size={14} />} value={search} onChange={(e) => setSearch(e.currentTarget.value)} />
					<Button size="xs" variant="default" leftSection={<IconFileImport size={15} />} onClick={() => input.current?.click()}>
						Import
					</Button>
					<input ref={input} type="file" accept=".ws,application/json" hidden onChange={bring} aria-label="A .ws file" />
				</Group>
				{wrong !== null && <Problem error={wrong} />}
				{error ? <Problem error={error} onRetry={() => void refetch()} /> : isPending ? <Waiting /> : list.length === 0 ? <Empty title="None by that name" /> : null}
				{groups.map(([title, entries]) =>
					entries.length ? (
						<section key={title}>
							<Text size="xs" fw={600} c="dimmed" mb={4}>{title}</Text>
							<SimpleGrid cols={1} spacing={2}>
								{entries.map((s) => (
									<Entry key={s.id} s={s} onOpen={onClose} />
								))}
							</SimpleGrid>
						</section>
					) : null,
				)}
			</Stack>
		</Drawer>
	);
}
