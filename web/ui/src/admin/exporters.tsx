// Exporters: state and cause, what they send and what of it got lost, their settings and interfaces.
import { Badge, Button, Checkbox, Drawer, Group, NumberInput, Radio, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState, type FormEvent } from 'react';
import type { Reply } from '@/api/client';
import { op } from '@/api/client';
import { queryClient, useOp } from '@/api/query';
import { Empty, Page, Panel, Problem, Waiting } from '@/shell/parts';
import { Link, navigate } from '@/shell/router';
import { Tooltip } from '@/shell/tip';
import { useMe } from '@/state/me';
import { useZone } from '@/state/zone';
import { dateTime, serverNowMs } from '@/words/clock';
import { ago, count, duration, short } from '@/words/format';
import { Ask } from './ask';
import classes from './admin.module.css';

type Listed = Reply<'exporters.list'>['exporters'][number];
type Full = Extract<Listed, { state: string }>;
type Detailed = Extract<Reply<'exporters.get'>['exporter'], { interfaces: unknown }>;
type SourceFull = Extract<Full['sources'][number], { state: string }>;

const isFull = (e: Listed): e is Full => 'state' in e;
const stale = () => Promise.all(['exporters.list', 'exporters.get'].map((k) => queryClient.invalidateQueries({ queryKey: [k] })));
const nowUs = () => serverNowMs() * 1000;

const COLOUR: Record<string, string> = { ok: 'teal', silent: 'gray', disabled: 'gray', 'no template yet': 'yellow', 'clock wrong': 'yellow', 'sequence gaps': 'orange', undecodable: 'red' };
function State({ state }: { state: string }) {
	return (
		<Badge variant="light" color={COLOUR[state] ?? 'gray'} tt="none">
			{state}
		</Badge>
	);
}

/** four losses that have nothing to do with each other, each with its own remedy */
const LOSSES = [
	{ key: 'sequence_gaps', title: 'On the way', help: 'Missing by the exporter’s own numbering: lost in the network, or dropped by the exporter. A closer path or a less busy exporter helps.' },
	{ key: 'sets_dropped', title: 'No template', help: 'Data whose template did not come in 30 minutes. Have the exporter send its templates more often.' },
	{ key: 'undecodable', title: 'Undecodable', help: 'Data that does not follow the protocol or its own template.' },
	{ key: 'kernel_drops', title: 'Socket full', help: 'Dropped by this machine’s kernel before they were read: raise net.core.rmem_max, or peakflows.' },
] as const;

function loss(n: number) {
	return n > 0 ? (
		<Text span size="sm" c="orange" fw={600}>
			{count(n)}
		</Text>
	) : (
		<Text span size="sm" c="dimmed">
			0
		</Text>
	);
}

function protocols(e: Listed): string {
	return [...new Set(e.sources.map((s) => s.protocol))].join(', ');
}
function sampling(e: Full): string {
	const rates = [...new Set(e.sources.map((s) => ('sampling' in s ? s.sampling : null)))].filter((r): r is number => r !== null);
	if (e.sampling_override !== null) return `1 in ${count(e.sampling_override)} (set)`;
	if (rates.length === 0) return 'not told';
	return rates.map((r) => (r > 1 ? `1 in ${count(r)}` : 'none')).join(', ');
}

function Facts({ rows }: { rows: [string, React.ReactNode][] }) {
	return (
		<dl className={classes.facts}>
			{rows.map(([k, v]) => (
				<div key={k} style={{ display: 'contents' }}>
					<dt>{k}</dt>
					<dd>{v}</dd>
				</div>
			))}
		</dl>
	);
}

function SourceFacts({ s }: { s: SourceFull }) {
	const [zone] = useZone();
	const told = { unknown: 'not told', header: 'told in each header', option: 'told by options', record: 'told with each flow', override: 'set here' }[s.sampling_source];
	return (
		<section>
			<Group gap="xs" mb={4}>
				<Title order={4}>
					{s.protocol}, domain {s.domain}
				</Title>
				<State state={s.state} />
			</Group>
			{s.why !== '' && (
				<Text size="sm" mb={4}>
					{s.why}
				</Text>
			)}
			<Facts
				rows={[
					['Port', s.port],
					['Latest', `${dateTime(s.last_us, zone)} (${ago(s.last_us, nowUs())})`],
					['Flows', `${count(s.flows)} in ${count(s.datagrams)} datagrams${s.flows_per_hour === null ? '' : `, ${short(s.flows_per_hour)} an hour`}`],
					['Sampling', s.sampling === null ? 'not told' : s.sampling > 1 ? `1 in ${count(s.sampling)}, ${told}` : `none, ${told}`],
					['Clock', Math.abs(s.skew_us) < 1e6 ? 'right' : `${duration(Math.abs(s.skew_us))} ${s.skew_us > 0 ? 'fast' : 'slow'}${s.correction_us ? ', corrected' : ''}`],
					['Templates', `${count(s.templates)}${s.sets_waiting ? `; ${count(s.sets_waiting)} sets wait for one` : ''}`],
					...LOSSES.map((l): [string, React.ReactNode] => [l.title, loss(s[l.key])]),
					...(s.duplicates ? ([['Sent twice', count(s.duplicates)]] as [string, React.ReactNode][]) : []),
					...(s.full_wait_us ? ([['Waited for room', duration(s.full_wait_us)]] as [string, React.ReactNode][]) : []),
					...(s.samples_missing || s.sampler_drops ? ([['Samples missing', count(s.samples_missing)], ['Not sampled for lack of time', count(s.sampler_drops)]] as [string, React.ReactNode][]) : []),
				]}
			/>
		</section>
	);
}

function Settings({ e }: { e: Detailed }) {
	const [name, setName] = useState(e.name);
	const [tags, setTags] = useState(e.tags.join(' '));
	const [enabled, setEnabled] = useState(e.enabled);
	const [clock, setClock] = useState<string>(e.clock);
	const [rate, setRate] = useState<number | string>(e.sampling_override ?? '');
	const [error, setError] = useState<unknown>(null);
	const [said, setSaid] = useState('');
	const [busy, setBusy] = useState(false);
	const submit = (event: FormEvent) => {
		event.preventDefault();
		setBusy(true);
		setError(null);
		op('exporters.set', { exporter: e.address, name, tags, enabled, clock, sampling: Number(rate) || 0 })
			.then(() => stale())
			.then(() => setSaid('Saved.'), setError)
			.finally(() => setBusy(false));
	};
	return (
		<form onSubmit={submit} onChange={() => setSaid('')}>
			<Stack gap="sm">
				<TextInput label="Name" maxLength={63} value={name} onChange={(x) => setName(x.currentTarget.value)} />
				<TextInput label="Tags" description="Words with spaces between them" value={tags} onChange={(x) => setTags(x.currentTarget.value)} />
				<Checkbox label="Enabled: its flows are stored" checked={enabled} onChange={(x) => setEnabled(x.currentTarget.checked)} />
				<NumberInput label="Sampling, 1 in" description="Empty: as the exporter says" min={1} max={4294967295} allowDecimal={false} thousandSeparator="," value={rate} onChange={setRate} />
				<Radio.Group label="Its clock" value={clock} onChange={setClock}>
					<Stack gap={4} mt={4}>
						<Radio value="auto" label="Corrected where it can’t be right" />
						<Radio value="trust" label="Trusted always" />
						<Radio value="arrival" label="Not used: times count from when flows arrive" />
					</Stack>
				</Radio.Group>
				{error !== null && <Problem error={error} />}
				<Group gap="sm">
					<Button type="submit" loading={busy}>
						Save
					</Button>
					<Text size="sm" c="dimmed" role="status">
						{said}
					</Text>
				</Group>
			</Stack>
		</form>
	);
}

function Detail({ address, onClose }: { address: string; onClose: () => void }) {
	const me = useMe();
	const { data, error, refetch } = useOp('exporters.get', { exporter: address });
	const [forget, setForget] = useState(false);
	const e = data?.exporter;
	const full = e && 'interfaces' in e ? (e as Detailed) : null;
	return (
		<Drawer opened onClose={onClose} position="right" size={560} title={e ? e.name || e.address : address} closeButtonProps={{ 'aria-label': 'Close' }}>
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			{!e && !error && <Waiting />}
			{full && (
				<Stack gap="lg">
					<Group gap="xs">
						<Button size="xs" variant="default" onClick={() => navigate(`/workspace?${new URLSearchParams({ v: '1', f: `EXPIP == ${full.address}` })}`)}>
							Its traffic
						</Button>
						<Button size="xs" variant="default" onClick={() => navigate(`/sessions?${new URLSearchParams({ v: '1', f: `EXPIP == ${full.address}` })}`)}>
							Its sessions
						</Button>
					</Group>
					{full.sources.filter((s): s is SourceFull => 'state' in s).map((s) => <SourceFacts key={`${s.version}/${s.domain}/${s.port}`} s={s} />)}
					{me.admin && (
						<section>
							<Title order={4} mb={6}>
								Settings
							</Title>
							<Settings key={full.address} e={full} />
						</section>
					)}
					<section>
						<Title order={4} mb={4}>
							Interfaces
						</Title>
						{full.interfaces.length === 0 ? (
							<Text size="sm" c="dimmed">
								None is known by name yet. They come with options, by SNMP, or from interfacesfile.
							</Text>
						) : (
							<Table className={classes.table}>
								<Table.Thead>
									<Table.Tr>
										<Table.Th className={classes.num}>Index</Table.Th>
										<Table.Th>Name</Table.Th>
										<Table.Th>Description</Table.Th>
									</Table.Tr>
								</Table.Thead>
								<Table.Tbody>
									{full.interfaces.map((i) => (
										<Table.Tr key={i.index}>
											<Table.Td className={classes.num}>{i.index}</Table.Td>
											<Table.Td className={classes.wrap}>{i.name ?? '–'}</Table.Td>
											<Table.Td className={classes.wrap}>{i.description ?? ''}</Table.Td>
										</Table.Tr>
									))}
								</Table.Tbody>
							</Table>
						)}
					</section>
					{me.admin && (
						<Group>
							<Button color="red" variant="light" size="xs" onClick={() => setForget(true)}>
								Forget this exporter …
							</Button>
						</Group>
					)}
					<Ask title={`Forget ${full.name || full.address}?`} verb="Forget" danger opened={forget} onClose={() => setForget(false)} act={() => op('exporters.forget', { exporter: full.address }).then(stale).then(onClose)}>
						Its settings, templates, interface names and figures go. Its sessions stay. If it goes on sending, it appears again as new.
					</Ask>
				</Stack>
			)}
		</Drawer>
	);
}

function Add({ onClose }: { onClose: () => void }) {
	const [address, setAddress] = useState('');
	const [name, setName] = useState('');
	return (
		<Ask title="Name an exporter before it sends" verb="Add" opened onClose={onClose} act={() => op('exporters.set', { exporter: address.trim(), name }).then(stale)} ready={address.trim() !== ''}>
			<Text size="sm">
				Exporters need no registration: whoever sends flows here appears by itself. <Link to="/start">How to make a device send</Link>
			</Text>
			<TextInput label="Address" required data-autofocus value={address} onChange={(e) => setAddress(e.currentTarget.value)} />
			<TextInput label="Name" maxLength={63} value={name} onChange={(e) => setName(e.currentTarget.value)} />
		</Ask>
	);
}

export default function Exporters() {
	const me = useMe();
	const [open, setOpen] = useState<string | null>(null);
	const [adding, setAdding] = useState(false);
	const { data, error, refetch } = useOp('exporters.list', {}, { refetchInterval: 10_000 });
	const list = data?.exporters ?? [];
	const full = list.filter(isFull);
	return (
		<Page
			title="Exporters"
			wide
			aside={
				me.admin && (
					<Group gap="xs">
						<Button variant="default" onClick={() => navigate('/admin/switches')}>
							sFlow switches
						</Button>
						<Button variant="default" leftSection={<IconPlus size={15} />} onClick={() => setAdding(true)}>
							Add
						</Button>
					</Group>
				)
			}
		>
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			{!data && !error && <Waiting />}
			{data && list.length === 0 && (
				<Empty title="No exporter yet">
					Nothing has sent flows to this server. <Link to="/start">How to make a device send</Link>
				</Empty>
			)}
			{list.length > 0 && full.length === 0 && (
				<Panel pad={false}>
					<Table className={classes.table} data-testid="exporters">
						<Table.Thead>
							<Table.Tr>
								<Table.Th>Exporter</Table.Th>
								<Table.Th>Sends</Table.Th>
							</Table.Tr>
						</Table.Thead>
						<Table.Tbody>
							{list.map((e) => (
								<Table.Tr key={e.id}>
									<Table.Td className={classes.wrap}>{e.name ? `${e.name} (${e.address})` : e.address}</Table.Td>
									<Table.Td>{protocols(e)}</Table.Td>
								</Table.Tr>
							))}
						</Table.Tbody>
					</Table>
				</Panel>
			)}
			{full.length > 0 && (
				<Panel pad={false}>
					<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
						<Table className={classes.table} highlightOnHover data-testid="exporters">
							<Table.Thead>
								<Table.Tr>
									<Table.Th>Exporter</Table.Th>
									<Table.Th>State</Table.Th>
									<Table.Th>Sends</Table.Th>
									<Table.Th className={classes.num}>Flows an hour</Table.Th>
									<Table.Th>Latest</Table.Th>
									<Table.Th>Sampling</Table.Th>
									{LOSSES.map((l) => (
										<Table.Th key={l.key} className={classes.num}>
											<Tooltip label={l.help}>
												<span>{l.title}</span>
											</Tooltip>
										</Table.Th>
									))}
								</Table.Tr>
							</Table.Thead>
							<Table.Tbody>
								{full.map((e) => (
									<Table.Tr key={e.id} className={classes.pick} onClick={() => setOpen(e.address)}>
										<Table.Td className={classes.wrap}>
											<button type="button" className="mantine-focus-auto" style={{ all: 'unset', cursor: 'pointer', fontWeight: 600 }} onClick={() => setOpen(e.address)}>
												{e.name || e.address}
											</button>
											{e.name !== '' && (
												<Text size="xs" c="dimmed">
													{e.address}
												</Text>
											)}
											{e.tags.length > 0 && (
												<Group gap={4} mt={2}>
													{e.tags.map((t) => (
														<Badge key={t} size="xs" variant="outline" tt="none">
															{t}
														</Badge>
													))}
												</Group>
											)}
										</Table.Td>
										<Table.Td maw={320}>
											<State state={e.enabled ? e.state : 'disabled'} />
											{e.why !== '' && e.state !== 'ok' && (
												<Text size="xs" c="dimmed" mt={2}>
													{e.why}
												</Text>
											)}
										</Table.Td>
										<Table.Td>{protocols(e)}</Table.Td>
										<Table.Td className={classes.num}>{e.flows_per_hour === null ? '–' : short(e.flows_per_hour)}</Table.Td>
										<Table.Td style={{ whiteSpace: 'nowrap' }}>{e.last_us === null ? 'never' : ago(e.last_us, nowUs())}</Table.Td>
										<Table.Td style={{ whiteSpace: 'nowrap' }}>{sampling(e)}</Table.Td>
										{LOSSES.map((l) => (
											<Table.Td key={l.key} className={classes.num}>
												{loss(e[l.key])}
											</Table.Td>
										))}
									</Table.Tr>
								))}
							</Table.Tbody>
						</Table>
					</div>
				</Panel>
			)}
			{open !== null && <Detail address={open} onClose={() => setOpen(null)} />}
			{adding && <Add onClose={() => setAdding(false)} />}
		</Page>
	);
}
