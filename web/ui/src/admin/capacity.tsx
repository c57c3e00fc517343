// What sizes hold: sessions and time, now and as they would be set.  The server reckons with what it has stored (`capacity`).
import { Group, NumberInput, Progress, Stack, Table, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { useOp } from '@/api/query';
import { Panel, Problem } from '@/shell/parts';
import { bytes, count, duration, percent } from '@/words/format';
import classes from './admin.module.css';

const span = (seconds: number | null): string => (seconds === null ? 'not known yet' : duration(seconds * 1e6));

function Full({ part, label }: { part: number; label: string }) {
	return (
		<Group gap="xs" wrap="nowrap">
			<Progress value={Math.min(100, part)} w={90} size="sm" aria-label={label} />
			<span>{percent(part)}</span>
		</Group>
	);
}

export function Capacity() {
	const [gigabytes, setGigabytes] = useState<number | string>('');
	const [cache, setCache] = useState<number | string>('');
	const [tracked, setTracked] = useState<number | string>('');
	const [asked] = useDebouncedValue({ gigabytes: Number(gigabytes) || 0, cache: Number(cache) || 0, tracked: Number(tracked) || 0 }, 300);
	const { data, error, refetch } = useOp(
		'capacity',
		{
			...(asked.gigabytes > 0 ? { databasesize: Math.round(asked.gigabytes * 1e9) } : {}),
			...(asked.cache > 0 ? { memcachesize: Math.round(asked.cache) } : {}),
			...(asked.tracked >= 16 ? { conntracksize: Math.round(asked.tracked) } : {}),
		},
		{ placeholderData: (before) => before, refetchInterval: 30_000 },
	);
	const size = { hideControls: true, allowDecimal: false, thousandSeparator: ',', placeholder: 'as set now', size: 'xs' as const };
	return (
		<Panel title="What sizes hold" aside={<Text size="sm" c="dimmed">Try sizes here; nothing is set by it</Text>}>
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			<Stack gap="sm">
				<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table">
					<Table className={classes.table} data-testid="capacity">
						<Table.Thead>
							<Table.Tr>
								<Table.Th>What</Table.Th>
								<Table.Th>Size</Table.Th>
								<Table.Th>Holds</Table.Th>
								<Table.Th>Takes</Table.Th>
								<Table.Th>Reaches back</Table.Th>
								<Table.Th>Full now</Table.Th>
							</Table.Tr>
						</Table.Thead>
						<Table.Tbody>
							<Table.Tr>
								<Table.Td>Database</Table.Td>
								<Table.Td>
									<NumberInput {...size} w={130} aria-label="Size of the database in gigabytes" suffix=" GB" min={1} max={17592} value={gigabytes} onChange={setGigabytes} />
								</Table.Td>
								<Table.Td>{data ? `${count(data.database.slices)} slices` : '…'}</Table.Td>
								<Table.Td>{data && bytes(data.database.bytes)}</Table.Td>
								<Table.Td>
									{data && span(data.database.seconds)}
									{data && data.database.seconds_left !== null && (
										<Text size="xs" c="dimmed">
											full in {span(data.database.seconds_left)}
										</Text>
									)}
								</Table.Td>
								<Table.Td>{data && <Full part={data.database.percent_full} label="How full the database is" />}</Table.Td>
							</Table.Tr>
							<Table.Tr>
								<Table.Td>Newest in RAM</Table.Td>
								<Table.Td>
									<NumberInput {...size} w={130} aria-label="Slices kept in RAM" min={0} value={cache} onChange={setCache} />
								</Table.Td>
								<Table.Td>{data ? `${count(data.cache.slices)} slices` : '…'}</Table.Td>
								<Table.Td>{data && bytes(data.cache.bytes)}</Table.Td>
								<Table.Td>{data && span(data.cache.seconds)}</Table.Td>
								<Table.Td />
							</Table.Tr>
							<Table.Tr>
								<Table.Td>Connection tracker</Table.Td>
								<Table.Td>
									<NumberInput {...size} w={130} aria-label="Sessions followed at once" min={16} value={tracked} onChange={setTracked} />
								</Table.Td>
								<Table.Td>{data ? `${count(data.tracker.sessions)} sessions` : '…'}</Table.Td>
								<Table.Td>{data && bytes(data.tracker.bytes)}</Table.Td>
								<Table.Td>–</Table.Td>
								<Table.Td>{data && <Full part={data.tracker.percent_full} label="How full the connection tracker is" />}</Table.Td>
							</Table.Tr>
						</Table.Tbody>
					</Table>
				</div>
				{data && (
					<Text size="sm" c="dimmed">
						{data.now.slices_a_second === null ? 'Too little is stored yet to tell a rate.' : `At ${count(data.now.slices_a_second)} slices a second, as of late.`}
						{data.now.estimated ? ' How many bytes a slice takes is an estimate until a block is full.' : ` A slice takes ${Math.round(data.now.bytes_a_slice)} bytes.`}
					</Text>
				)}
			</Stack>
		</Panel>
	);
}
