// Users: who there is and is logged in, rights, user filters, passwords.
import { ActionIcon, Alert, Badge, Button, Checkbox, CopyButton, Group, Menu, PasswordInput, Stack, Table, Text, TextInput, Textarea } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import type { Reply } from '@/api/client';
import { op } from '@/api/client';
import { queryClient, useOp } from '@/api/query';
import { Panel, Problem, Waiting } from '@/shell/parts';
import { useMe } from '@/state/me';
import { useZone } from '@/state/zone';
import { dateTime } from '@/words/clock';
import { Ask } from './ask';
import { Head } from './head';
import { Preview } from './preview';
import { nameProblem } from './user_name';
import classes from './admin.module.css';

type User = Reply<'users.list'>['users'][number];
type Doing = { what: 'add' } | { what: 'filter' | 'password' | 'delete' | 'right'; user: User } | null;

const stale = () => queryClient.invalidateQueries({ queryKey: ['users.list'] });

function madeUp(): string {
	const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
	const n = crypto.getRandomValues(new Uint8Array(16));
	return [...n].map((x) => letters[x % letters.length]).join('');
}

function FilterField({ value, onChange, who }: { value: string; onChange: (v: string) => void; who: string }) {
	return (
		<>
			<Textarea
				label="User filter"
				description="Everything this user asks, by browser, token or command, is limited to what it selects."
				placeholder="ADDR == 10.20.0.0/16"
				autosize
				minRows={2}
				classNames={{ input: classes.mono }}
				value={value}
				onChange={(e) => onChange(e.currentTarget.value)}
				spellCheck={false}
			/>
			<Preview filter={value} who={who} />
		</>
	);
}

function Add({ onClose }: { onClose: () => void }) {
	const [name, setName] = useState('');
	const [password, setPassword] = useState('');
	const [admin, setAdmin] = useState(false);
	const [filter, setFilter] = useState('');
	const bad = nameProblem(name);
	const act = () => op('users.add', { name, password, ...(admin ? { admin } : filter.trim() ? { filter: filter.trim() } : {}) }).then(stale);
	return (
		<Ask title="Add a user" verb="Add" opened onClose={onClose} act={act} ready={name !== '' && !bad && password !== ''} wide>
			<TextInput label="Name" required data-autofocus autoComplete="off" value={name} onChange={(e) => setName(e.currentTarget.value)} error={bad} />
			<Group align="flex-end" gap="xs">
				<PasswordInput style={{ flex: 1 }} label="Password" required autoComplete="new-password" value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
				<CopyButton value={password}>
					{({ copy, copied }) => (
						<Button variant="default" onClick={() => (password ? copy() : setPassword(madeUp()))}>
							{copied ? 'Copied' : password ? 'Copy' : 'Make one up'}
						</Button>
					)}
				</CopyButton>
			</Group>
			<Checkbox label="Administrator: sees everything, and may change users and settings" checked={admin} onChange={(e) => setAdmin(e.currentTarget.checked)} />
			{!admin && <FilterField value={filter} onChange={setFilter} who={name || 'the user'} />}
		</Ask>
	);
}

function Filter({ user, onClose }: { user: User; onClose: () => void }) {
	const [filter, setFilter] = useState(user.filter ?? '');
	return (
		<Ask title={`What ${user.name} may see`} verb="Save" opened onClose={onClose} act={() => op('users.set', { name: user.name, filter: filter.trim() }).then(stale)} wide>
			<FilterField value={filter} onChange={setFilter} who={user.name} />
		</Ask>
	);
}

function Password({ user, onClose }: { user: User; onClose: () => void }) {
	const [own, setOwn] = useState('');
	const [password, setPassword] = useState('');
	return (
		<Ask title={`New password for ${user.name}`} verb="Change" opened onClose={onClose} act={() => op('users.password', { name: user.name, password, own }).then(stale)} ready={password !== '' && own !== ''}>
			<PasswordInput label="Your own password" description="Asked for again, lest somebody does this at your desk." required autoComplete="current-password" data-autofocus value={own} onChange={(e) => setOwn(e.currentTarget.value)} />
			<PasswordInput label={`New password of ${user.name}`} required autoComplete="new-password" value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
			<Text size="sm" c="dimmed">
				{user.name} has to log in anew with it.
			</Text>
		</Ask>
	);
}

export default function Users() {
	const me = useMe();
	const [zone] = useZone();
	const [doing, setDoing] = useState<Doing>(null);
	const { data, error, refetch } = useOp('users.list', {}, { refetchInterval: 15_000 });
	const online = useOp('users.online', {}, { refetchInterval: 15_000 });
	const from = (name: string) => [...new Set((online.data?.online ?? []).filter((o) => o.user === name && o.address !== null).map((o) => o.address))].join(', ');
	const close = () => setDoing(null);
	const user = doing && 'user' in doing ? doing.user : null;
	return (
		<>
			<Head title="Users" text="Administrators see everything and change settings. Other users ask questions; a user filter says of what.">
				<Button leftSection={<IconPlus size={15} />} onClick={() => setDoing({ what: 'add' })}>
					Add a user
				</Button>
			</Head>
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			{!data && !error && <Waiting />}
			{data && (
				<Panel pad={false}>
					<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
						<Table className={classes.table} data-testid="users">
							<Table.Thead>
								<Table.Tr>
									<Table.Th>Name</Table.Th>
									<Table.Th>Right</Table.Th>
									<Table.Th>Sees</Table.Th>
									<Table.Th>Since</Table.Th>
									<Table.Th>Now</Table.Th>
									<Table.Th aria-label="Change" />
								</Table.Tr>
							</Table.Thead>
							<Table.Tbody>
								{data.users.map((u) => (
									<Table.Tr key={u.name}>
										<Table.Td className={classes.wrap} fw={600}>
											{u.name}
											{u.name === me.user && (
												<Text span c="dimmed" size="sm">
													{' '}
													(you)
												</Text>
											)}
										</Table.Td>
										<Table.Td>{u.admin ? 'administrator' : 'user'}</Table.Td>
										<Table.Td>{u.filter ? <code className={classes.mono}>{u.filter}</code> : <Text span c="dimmed" size="sm">everything</Text>}</Table.Td>
										<Table.Td style={{ whiteSpace: 'nowrap' }}>{dateTime(u.created_us, zone).slice(0, 16)}</Table.Td>
										<Table.Td>
											{u.logged_in ? (
												<Badge variant="light" color="teal" tt="none">
													logged in{from(u.name) ? ` from ${from(u.name)}` : ''}
												</Badge>
											) : u.must_change_password ? (
												<Badge variant="light" color="yellow" tt="none">
													password to be changed
												</Badge>
											) : null}
										</Table.Td>
										<Table.Td>
											<Menu position="bottom-end">
												<Menu.Target>
													<ActionIcon aria-label={`Change ${u.name}`}>
														<IconDots size={16} />
													</ActionIcon>
												</Menu.Target>
												<Menu.Dropdown>
													{!u.admin && <Menu.Item onClick={() => setDoing({ what: 'filter', user: u })}>User filter …</Menu.Item>}
													{u.name !== me.user && <Menu.Item onClick={() => setDoing({ what: 'password', user: u })}>New password …</Menu.Item>}
													{u.name !== me.user && <Menu.Item onClick={() => setDoing({ what: 'right', user: u })}>{u.admin ? 'Make an ordinary user …' : 'Make an administrator …'}</Menu.Item>}
													{u.name !== me.user && (
														<Menu.Item color="red" onClick={() => setDoing({ what: 'delete', user: u })}>
															Delete …
														</Menu.Item>
													)}
													{u.name === me.user && <Menu.Item disabled>Your password: under your name, top right</Menu.Item>}
												</Menu.Dropdown>
											</Menu>
										</Table.Td>
									</Table.Tr>
								))}
							</Table.Tbody>
						</Table>
					</div>
				</Panel>
			)}
			{doing?.what === 'add' && <Add onClose={close} />}
			{user && doing?.what === 'filter' && <Filter user={user} onClose={close} />}
			{user && doing?.what === 'password' && <Password user={user} onClose={close} />}
			{user && (
				<Ask title={`Delete ${user.name}?`} verb="Delete" danger opened={doing?.what === 'delete'} onClose={close} act={() => op('users.delete', { name: user.name }).then(stale)}>
					<Stack gap="xs">
						<Text size="sm">What {user.name} saved goes too: workspaces, friendly names, tokens. Recorded sessions stay.</Text>
						{user.logged_in && <Alert color="yellow">{user.name} is logged in now. The server refuses to delete a user who is.</Alert>}
					</Stack>
				</Ask>
			)}
			{user && (
				<Ask title={user.admin ? `Take the administrator’s right from ${user.name}?` : `Make ${user.name} an administrator?`} verb={user.admin ? 'Take it' : 'Make administrator'} opened={doing?.what === 'right'} onClose={close} act={() => op('users.set', { name: user.name, admin: !user.admin }).then(stale)}>
					{user.admin ? `${user.name} keeps seeing everything until you set a user filter.` : `${user.name} will see all traffic and may change users and settings.${user.filter ? ' An administrator can’t have a user filter: take it away first.' : ''}`}
				</Ask>
			)}
		</>
	);
}
