// Waiting for flows: how to point a device here, and who has sent so far.
import { Badge, Button, CopyButton, Group, Select, Table, Text, TextInput } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import { useOp } from '@/api/query';
import { useMe } from '@/state/me';
import { ago, count } from '@/words/format';
import { serverNowMs, setServerNow } from '@/words/clock';
import markdown from '../../../../docs/devices.md?raw';
import { devicesOf, filled } from './devices';
import { Page, Panel, Problem } from './parts';
import { Link } from './router';
import classes from './start.module.css';

const VERSIONS: Record<number, string> = { 1: 'NetFlow v1', 5: 'NetFlow v5', 7: 'NetFlow v7', 9: 'NetFlow v9', 10: 'IPFIX', 18: 'sFlow v2', 20: 'sFlow v4', 21: 'sFlow v5' };

function here(): string {
	const h = location.hostname.replace(/^\[|\]$/g, '');
	return h === 'localhost' || h === '127.0.0.1' || h === '::1' ? '' : h;
}

/** the first port of a setting; only administrators are told settings */
function portOf(data: unknown, name: string, usual: number): number {
	const list = (data as { settings?: { name?: string; value?: unknown }[] } | undefined)?.settings ?? [];
	const value = list.find((s) => s.name === name)?.value;
	const first = Number(Array.isArray(value) ? value[0] : String(value ?? '').split(/\s+/)[0]);
	return Number.isInteger(first) && first > 0 ? first : usual;
}

/** `code` in a text */
function Words({ text }: { text: string }) {
	return (
		<>
			{text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? <code key={i}>{part}</code> : <span key={i}>{part.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')}</span>))}
		</>
	);
}

function Seen() {
	const { data, error, refetch } = useOp('exporters.list', {}, { refetchInterval: 4000, staleTime: 0 });
	const list = data?.exporters ?? [];
	if (error) return <Problem error={error} onRetry={() => void refetch()} />;
	if (list.length === 0)
		return (
			<div className={classes.waiting}>
				<span className={classes.pulse} aria-hidden="true" />
				<div>
					<b>Waiting for the first flows</b>
					<Text size="sm" c="dimmed">
						Nobody has sent any yet. This page looks every few seconds. A device tells of a conversation when it ends, or after its active timeout: the first may take a minute.
					</Text>
				</div>
			</div>
		);
	return (
		<>
			<div className={classes.scroll}>
				<Table verticalSpacing={6}>
					<Table.Thead>
						<Table.Tr>
							<Table.Th>Exporter</Table.Th>
							<Table.Th>Sends</Table.Th>
							<Table.Th ta="right">Flows</Table.Th>
							<Table.Th>Last</Table.Th>
							<Table.Th>State</Table.Th>
						</Table.Tr>
					</Table.Thead>
					<Table.Tbody>
						{list.slice(0, 20).flatMap((e) =>
							e.sources.map((s, i) => {
								const full = 'state' in s ? s : undefined;
								return (
									<Table.Tr key={`${e.id}-${i}`}>
										<Table.Td>
											{e.name && e.name !== e.address ? `${e.name} (${e.address})` : e.address}
										</Table.Td>
										<Table.Td>{VERSIONS[s.version] ?? s.protocol}</Table.Td>
										<Table.Td ta="right">{full ? count(full.flows) : ''}</Table.Td>
										<Table.Td>{full && full.last_us > 0 ? ago(full.last_us, serverNowMs() * 1000) : ''}</Table.Td>
										<Table.Td>
											{full && (
												<Badge variant="light" miw="fit-content" color={full.state === 'ok' ? 'green' : full.state === 'silent' || full.state === 'disabled' ? 'gray' : 'yellow'} title={full.why}>
													{full.state}
												</Badge>
											)}
										</Table.Td>
									</Table.Tr>
								);
							}),
						)}
					</Table.Tbody>
				</Table>
			</div>
			<Group mt="md">
				<Link to="/workspace" className={classes.go}>
					Look at the traffic
				</Link>
			</Group>
		</>
	);
}

export default function Start() {
	const me = useMe();
	const devices = useMemo(() => devicesOf(markdown), []);
	const [device, setDevice] = useState(devices[0]?.title ?? '');
	const [host, setHost] = useState(here);
	const status = useOp('status', {});
	const settings = useOp('settings.get', {}, { enabled: me.admin, retry: false });
	useEffect(() => {
		if (status.data) setServerNow(status.data.now_us);
	}, [status.data]);
	const port = portOf(settings.data, 'netflow/netflowport', 2055);
	const sflow = portOf(settings.data, 'sflow/sflowport', 6343);
	const chosen = devices.find((d) => d.title === device);
	return (
		<Page title="Getting flows">
			<Panel title="Exporters seen so far">
				<Seen />
			</Panel>
			<Panel
				title="Point a device here"
				aside={
					<Group gap={8}>
						<TextInput size="xs" w={170} aria-label="Address of this machine, as devices reach it" placeholder="this machine’s address" value={host} onChange={(e) => setHost(e.currentTarget.value)} />
						<Select size="xs" w={240} maw="100%" aria-label="Device" data={devices.map((d) => d.title)} value={device} searchable allowDeselect={false} onChange={(v) => v && setDevice(v)} />
					</Group>
				}
			>
				<Text size="sm" mb="sm">
					Flows go to <b>{host || 'this machine’s address'}</b>, UDP <b>{port}</b>, as NetFlow v5, v9 or IPFIX; sFlow to UDP <b>{sflow}</b>. Let the firewall pass them. Words in capitals stand for what your device has: <code>EXPORTER</code> an address of it, <code>IFACE</code> an interface.
				</Text>
				{chosen?.blocks.map((b, i) => {
					const text = filled(b.text, host || 'COLLECTOR', port);
					return b.code ? (
						<div key={i} className={classes.code}>
							<pre tabIndex={0}>{text}</pre>
							<CopyButton value={text}>
								{({ copied, copy }) => (
									<Button className={classes.copy} size="compact-xs" variant="default" leftSection={copied ? <IconCheck size={13} /> : <IconCopy size={13} />} onClick={copy}>
										{copied ? 'Copied' : 'Copy'}
									</Button>
								)}
							</CopyButton>
						</div>
					) : (
						<Text key={i} size="sm" className={classes.words} component="p">
							<Words text={text} />
						</Text>
					);
				})}
			</Panel>
		</Page>
	);
}
