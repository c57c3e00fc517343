// sFlow switches: devices that are told by SNMP to send here.
import { ActionIcon, Badge, Button, Group, Menu, NumberInput, PasswordInput, Select, Table, Text, TextInput } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, opLoose } from '@/api/client';
import { queryClient } from '@/api/query';
import { Empty, Panel, Problem, Waiting } from '@/shell/parts';
import { Ask } from './ask';
import { Head } from './head';
import classes from './admin.module.css';

type Switch = Record<string, unknown> & { address: string };
const stale = () => queryClient.invalidateQueries({ queryKey: ['switches.list'] });
const text = (v: unknown): string => (v === null || v === undefined ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v));

function Add({ onClose }: { onClose: () => void }) {
	const [address, setAddress] = useState('');
	const [version, setVersion] = useState('2c');
	const [community, setCommunity] = useState('');
	const [user, setUser] = useState('');
	const [auth, setAuth] = useState('');
	const [priv, setPriv] = useState('');
	const [rate, setRate] = useState<number | string>(512);
	const v3 = version === '3';
	const act = () =>
		opLoose('switches.set', {
			address: address.trim(),
			set: { version, sampling: Number(rate) || 512, ...(v3 ? { user, auth_password: auth, priv_password: priv } : { community }) },
		}).then(stale);
	return (
		<Ask title="Add an sFlow switch" verb="Register" opened onClose={onClose} act={act} ready={address.trim() !== '' && (v3 ? user !== '' : community !== '')}>
			<Text size="sm">The switch is asked by SNMP to send its samples here, and asked again every 20 minutes.</Text>
			<TextInput label="Address" required data-autofocus value={address} onChange={(e) => setAddress(e.currentTarget.value)} />
			<Select label="SNMP version" data={['2c', '3']} value={version} onChange={(v) => setVersion(v ?? '2c')} allowDeselect={false} />
			{v3 ? (
				<>
					<TextInput label="User" required autoComplete="off" value={user} onChange={(e) => setUser(e.currentTarget.value)} />
					<PasswordInput label="Authentication password (SHA)" autoComplete="new-password" value={auth} onChange={(e) => setAuth(e.currentTarget.value)} />
					<PasswordInput label="Privacy password (AES)" autoComplete="new-password" value={priv} onChange={(e) => setPriv(e.currentTarget.value)} />
				</>
			) : (
				<PasswordInput label="Community that may write" required autoComplete="new-password" value={community} onChange={(e) => setCommunity(e.currentTarget.value)} />
			)}
			<NumberInput label="Sampling, 1 packet in" min={1} allowDecimal={false} thousandSeparator="," value={rate} onChange={setRate} />
		</Ask>
	);
}

export default function Switches() {
	const [adding, setAdding] = useState(false);
	const [gone, setGone] = useState<Switch | null>(null);
	const [problem, setProblem] = useState<unknown>(null);
	const { data, error, refetch } = useQuery({ queryKey: ['switches.list'], queryFn: ({ signal }) => opLoose<{ switches: Switch[] }>('switches.list', {}, { signal }), refetchInterval: 15_000, retry: false });
	const unknown = error instanceof ApiError && (error.code === 'unknown_op' || error.status === 404);
	const again = (s: Switch) => opLoose('switches.refresh', { address: s.address }).then(stale, setProblem);
	return (
		<>
			<Head title="sFlow switches" text="A switch sends samples only after it was told where to. Flowtrove tells it by SNMP, and keeps the registration alive.">
				{!unknown && (
					<Button leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
						Add a switch
					</Button>
				)}
			</Head>
			{unknown ? (
				<Panel>
					<Text size="sm" mb="xs">
						Switches are registered at the command line of this server, which asks for the community:
					</Text>
					<pre className={classes.mono}>ft-ctl switches set 192.0.2.10{'\n'}ft-ctl switches</pre>
				</Panel>
			) : (
				error && <Problem error={error} onRetry={() => void refetch()} />
			)}
			{problem !== null && <Problem error={problem} />}
			{!data && !error && <Waiting />}
			{data && data.switches.length === 0 && <Empty title="No switches yet">Devices that are set up to send sFlow by their own configuration need not be here.</Empty>}
			{data && data.switches.length > 0 && (
				<Panel pad={false}>
					<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
						<Table className={classes.table} data-testid="switches">
							<Table.Thead>
								<Table.Tr>
									<Table.Th>Switch</Table.Th>
									<Table.Th>State</Table.Th>
									<Table.Th>SNMP</Table.Th>
									<Table.Th>Sends to</Table.Th>
									<Table.Th className={classes.num}>1 in</Table.Th>
									<Table.Th className={classes.num}>Interfaces</Table.Th>
									<Table.Th />
								</Table.Tr>
							</Table.Thead>
							<Table.Tbody>
								{data.switches.map((s) => (
									<Table.Tr key={s.address}>
										<Table.Td className={classes.wrap} fw={600}>
											{s.address}
										</Table.Td>
										<Table.Td>
											<Badge variant="light" tt="none" color={s.state === 'registered' ? 'teal' : 'yellow'}>
												{text(s.state)}
											</Badge>
											{text(s.said) !== '' && (
												<Text size="xs" c="dimmed">
													{text(s.said)}
												</Text>
											)}
										</Table.Td>
										<Table.Td>v{text(s.version)}</Table.Td>
										<Table.Td>{s.sflow === false ? '–' : text(s.sends_to)}</Table.Td>
										<Table.Td className={classes.num}>{s.sflow === false ? '–' : text(s.sampling)}</Table.Td>
										<Table.Td className={classes.num}>{text(s.interfaces_known)}</Table.Td>
										<Table.Td>
											<Menu position="bottom-end">
												<Menu.Target>
													<ActionIcon aria-label={`Change ${s.address}`}>
														<IconDots size={16} />
													</ActionIcon>
												</Menu.Target>
												<Menu.Dropdown>
													<Menu.Item onClick={() => void again(s)}>Ask it now</Menu.Item>
													<Menu.Item color="red" onClick={() => setGone(s)}>
														Give back and forget …
													</Menu.Item>
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
			{adding && <Add onClose={() => setAdding(false)} />}
			{gone && (
				<Ask title={`Forget ${gone.address}?`} verb="Forget" danger opened onClose={() => setGone(null)} act={() => opLoose('switches.forget', { address: gone.address }).then(stale)}>
					<Group>
						<Text size="sm">What was claimed in it is given back, and it stops sending here.</Text>
					</Group>
				</Ask>
			)}
		</>
	);
}
