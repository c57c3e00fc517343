// The audit log: who did what, from where.  Lines are `time user="…" from=… act=… name=value …` (docs of queryd).
import { Button, Group, Table, Text, TextInput } from '@mantine/core';
import { IconDownload, IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { useOp } from '@/api/query';
import { Empty, Panel, Problem, Waiting } from '@/shell/parts';
import { Segments } from '@/shell/segments';
import { useZone } from '@/state/zone';
import { dateTime } from '@/words/clock';
import { Head } from './head';
import { auditLine } from './audit_line';
import classes from './admin.module.css';

export default function Audit() {
	const [zone] = useZone();
	const [lines, setLines] = useState('100');
	const [search, setSearch] = useState('');
	const { data, error, refetch } = useOp('audit.list', { lines: Number(lines) }, { refetchInterval: 10_000 });
	const rows = useMemo(() => {
		const wanted = search.trim().toLowerCase();
		return (data?.lines ?? []).filter((l) => l.toLowerCase().includes(wanted)).reverse();
	}, [data, search]);
	const save = () => {
		const a = document.createElement('a');
		a.href = URL.createObjectURL(new Blob([(data?.lines ?? []).join('\n') + '\n'], { type: 'text/plain' }));
		a.download = 'flowtrove-audit.log';
		a.click();
		setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
	};
	return (
		<>
			<Head title="Audit log" text="Every administrative act, newest first, written before it was done.">
				<Group gap="xs">
					<TextInput aria-label="Search the log" placeholder="Search" leftSection={<IconSearch size={15} />} value={search} onChange={(e) => setSearch(e.currentTarget.value)} />
					<Segments label="Lines" data={['100', '300', '1000'].map((value) => ({ value, label: value }))} value={lines} onChange={setLines} />
					<Button variant="default" leftSection={<IconDownload size={15} />} onClick={save} disabled={!data?.lines.length}>
						Save
					</Button>
				</Group>
			</Head>
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			{!data && !error && <Waiting />}
			{data && rows.length === 0 && <Empty title={data.lines.length ? 'No line matches' : 'Nothing yet'}>{data.lines.length ? 'Another word, or more lines, may find it.' : 'What administrators do is written here.'}</Empty>}
			{rows.length > 0 && (
				<Panel pad={false}>
					<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
						<Table className={classes.table} data-testid="audit">
							<Table.Thead>
								<Table.Tr>
									<Table.Th>When</Table.Th>
									<Table.Th>Who</Table.Th>
									<Table.Th>From</Table.Th>
									<Table.Th>What</Table.Th>
									<Table.Th>Details</Table.Th>
								</Table.Tr>
							</Table.Thead>
							<Table.Tbody>
								{rows.map((text, i) => {
									const l = auditLine(text);
									return (
										<Table.Tr key={`${rows.length - i} ${text.slice(0, 40)}`}>
											<Table.Td style={{ whiteSpace: 'nowrap' }}>{l.us === null ? '' : dateTime(l.us, zone)}</Table.Td>
											<Table.Td className={classes.wrap}>{l.user}</Table.Td>
											<Table.Td>{l.from}</Table.Td>
											<Table.Td style={{ whiteSpace: 'nowrap' }}>{l.act}</Table.Td>
											<Table.Td>
												<span className={classes.log}>{l.details}</span>
												{l.failed !== null && (
													<Text size="sm" c="red">
														failed: {l.failed}
													</Text>
												)}
											</Table.Td>
										</Table.Tr>
									);
								})}
							</Table.Tbody>
						</Table>
					</div>
				</Panel>
			)}
		</>
	);
}
