// Tokens: what scripts log in with, and who is logged in by the browser.
import { ActionIcon, Alert, Button, Code, CopyButton, Group, Select, Stack, Switch, Table, Text, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { opLoose } from '@/api/client';
import { queryClient } from '@/api/query';
import { Empty, Panel, Problem, Waiting } from '@/shell/parts';
import { Tooltip } from '@/shell/tip';
import { useMe } from '@/state/me';
import { useZone } from '@/state/zone';
import { dateTime, serverNowMs } from '@/words/clock';
import { ago } from '@/words/format';
import { Ask } from './ask';
import { Head } from './head';
import classes from './admin.module.css';

interface Token {
	id: string;
	user: string;
	kind: string;
	name: string | null;
	address: string | null;
	created_us: number;
	used_us: number | null;
	expires_us: number | null;
}
const stale = () => queryClient.invalidateQueries({ queryKey: ['tokens.list'] });

const LIVES = [
	{ value: '30', label: '30 days' },
	{ value: '365', label: 'a year' },
	{ value: '0', label: 'until it is revoked' },
];

function Add({ onClose, onMade }: { onClose: () => void; onMade: (token: string) => void }) {
	const [name, setName] = useState('');
	const [days, setDays] = useState('365');
	const [address, setAddress] = useState('');
	const act = () =>
		opLoose<{ token: string }>('tokens.add', {
			name: name.trim(),
			...(days === '0' ? {} : { expires_us: Math.round((serverNowMs() + Number(days) * 86400e3) * 1000) }),
			...(address.trim() ? { address: address.trim() } : {}),
		}).then(async (r) => {
			await stale();
			onMade(r.token);
		});
	return (
		<Ask title="Make a token" verb="Make" opened onClose={onClose} act={act} ready={name.trim() !== ''}>
			<TextInput label="What it is for" required maxLength={64} data-autofocus value={name} onChange={(e) => setName(e.currentTarget.value)} />
			<Select label="Good for" data={LIVES} value={days} onChange={(v) => setDays(v ?? '365')} allowDeselect={false} />
			<TextInput label="Only from address" description="Empty: from anywhere" value={address} onChange={(e) => setAddress(e.currentTarget.value)} />
			<Text size="sm" c="dimmed">
				A token may do whatever you may. It is shown once.
			</Text>
		</Ask>
	);
}

export default function Tokens() {
	const me = useMe();
	const [zone] = useZone();
	const [everybody, setEverybody] = useState(false);
	const [adding, setAdding] = useState(false);
	const [made, setMade] = useState('');
	const [revoke, setRevoke] = useState<Token | null>(null);
	const { data, error, refetch } = useQuery({
		queryKey: ['tokens.list', everybody],
		queryFn: ({ signal }) => opLoose<{ tokens: Token[] }>('tokens.list', everybody ? { all: true } : {}, { signal }),
		refetchInterval: 20_000,
	});
	const now = serverNowMs() * 1000;
	return (
		<>
			<Head title="Tokens" text="What scripts use instead of a password, and the browsers and scripts that are logged in.">
				<Group gap="sm">
					{me.admin && <Switch label="Everybody’s" checked={everybody} onChange={(e) => setEverybody(e.currentTarget.checked)} />}
					<Button leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
						Make a token
					</Button>
				</Group>
			</Head>
			{made !== '' && (
				<Alert color="teal" mb="md" title="The new token, shown this once" withCloseButton closeButtonLabel="Close" onClose={() => setMade('')}>
					<Stack gap="xs">
						<Group gap="xs">
							<Code data-testid="token">{made}</Code>
							<CopyButton value={made}>
								{({ copy, copied }) => (
									<Button size="compact-xs" variant="default" onClick={copy}>
										{copied ? 'Copied' : 'Copy'}
									</Button>
								)}
							</CopyButton>
						</Group>
						<Text size="sm" className={classes.mono}>
							curl -H &quot;Authorization: Bearer TOKEN&quot; {location.origin}/api/v1/stat
						</Text>
					</Stack>
				</Alert>
			)}
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			{!data && !error && <Waiting />}
			{data && data.tokens.length === 0 && <Empty title="No tokens">Make one for each script, so that each can be revoked alone.</Empty>}
			{data && data.tokens.length > 0 && (
				<Panel pad={false}>
					<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
						<Table className={classes.table} data-testid="tokens">
							<Table.Thead>
								<Table.Tr>
									<Table.Th>For</Table.Th>
									{everybody && <Table.Th>User</Table.Th>}
									<Table.Th>From</Table.Th>
									<Table.Th>Made</Table.Th>
									<Table.Th>Last used</Table.Th>
									<Table.Th>Ends</Table.Th>
									<Table.Th />
								</Table.Tr>
							</Table.Thead>
							<Table.Tbody>
								{data.tokens.map((t) => (
									<Table.Tr key={t.id}>
										<Table.Td className={classes.wrap} fw={t.kind === 'token' ? 600 : undefined}>
											{t.kind === 'login' ? 'a login' : t.kind === 'key' ? 'a session key of the command line' : t.name}
										</Table.Td>
										{everybody && <Table.Td className={classes.wrap}>{t.user}</Table.Td>}
										<Table.Td>{t.address || 'anywhere'}</Table.Td>
										<Table.Td style={{ whiteSpace: 'nowrap' }}>{dateTime(t.created_us, zone).slice(0, 16)}</Table.Td>
										<Table.Td>{t.used_us ? ago(t.used_us, now) : 'never'}</Table.Td>
										<Table.Td style={{ whiteSpace: 'nowrap' }}>{t.expires_us ? dateTime(t.expires_us, zone).slice(0, 16) : t.kind !== 'token' ? 'when idle' : 'never'}</Table.Td>
										<Table.Td>
											<Tooltip label={t.kind !== 'token' ? 'Log it out' : 'Revoke'}>
												<ActionIcon color="red" aria-label={`Revoke ${t.name || 'a login'}`} onClick={() => setRevoke(t)}>
													<IconTrash size={16} />
												</ActionIcon>
											</Tooltip>
										</Table.Td>
									</Table.Tr>
								))}
							</Table.Tbody>
						</Table>
					</div>
				</Panel>
			)}
			{adding && <Add onClose={() => setAdding(false)} onMade={setMade} />}
			{revoke && (
				<Ask title={revoke.kind !== 'token' ? `Log ${revoke.user} out there?` : `Revoke “${revoke.name ?? ''}”?`} verb={revoke.kind !== 'token' ? 'Log out' : 'Revoke'} danger opened onClose={() => setRevoke(null)} act={() => opLoose('tokens.delete', { token_id: revoke.id }).then(stale)}>
					{revoke.kind !== 'token' ? 'Whoever uses that browser or script has to log in again.' : 'Scripts that use it are refused from now on.'}
				</Ask>
			)}
		</>
	);
}
