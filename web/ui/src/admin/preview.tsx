// What a user with this filter would see, while it is being written: the server checks the filter, counts the last day
// by it and without it, and lists the largest hosts and exporters on either side of the fence.
import { Group, Loader, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { op } from '@/api/client';
import { Problem } from '@/shell/parts';
import { bytes, count, percent } from '@/words/format';
import classes from './admin.module.css';

interface Seen {
	sessions: number;
	all: number;
	bytes: number;
	hosts: { label: string; bytes: number }[];
	exporters: string[];
}

async function look(filter: string, signal: AbortSignal): Promise<Seen> {
	await op('filter.check', { filter }, { signal });
	const frame = { last: '1d', count_by: 'BYTES' } as const;
	const [mine, everything, exporters] = await Promise.all([
		op('stat', { ...frame, filter, group_by: 'IP', rows: 5 }, { signal }),
		op('stat', { ...frame, group_by: 'PROTO', rows: 1 }, { signal }),
		op('stat', { ...frame, filter, group_by: 'EXPORTER', rows: 8 }, { signal }),
	]);
	const text = (key: unknown) => (Array.isArray(key) ? key.join(' – ') : String(key));
	return {
		sessions: mine.view.total.sessions,
		all: everything.view.total.sessions,
		bytes: mine.view.total.bytes,
		hosts: mine.view.rows.map((r) => ({ label: text(r.key), bytes: Number(r.value) })),
		exporters: exporters.view.rows.map((r) => text(r.key)),
	};
}

/** valid: told whether the filter can be set */
export function Preview({ filter, who }: { filter: string; who: string }) {
	const [settled] = useDebouncedValue(filter.trim(), 350);
	const { data, error, isFetching } = useQuery({
		queryKey: ['user filter preview', settled],
		queryFn: ({ signal }) => look(settled, signal),
		enabled: settled !== '',
		retry: false,
	});
	if (filter.trim() === '')
		return (
			<div className={classes.preview} data-testid="preview">
				Without a filter {who} sees everything.
			</div>
		);
	if (error && settled === filter.trim()) return <Problem error={error} />;
	return (
		<div className={classes.preview} data-testid="preview" aria-live="polite">
			<Group gap="xs" mb={4}>
				<Text size="sm" fw={600}>
					{who} would see
				</Text>
				{(isFetching || settled !== filter.trim()) && <Loader size={12} />}
			</Group>
			{data && (
				<>
					<div data-testid="preview-sessions">
						{data.sessions === 0
							? 'nothing of the last day'
							: `${count(data.sessions)} of the last day’s ${count(data.all)} sessions (${percent((100 * data.sessions) / Math.max(1, data.all))}), ${bytes(data.bytes)}`}
					</div>
					{data.hosts.length > 0 && (
						<div>
							<Text span c="dimmed" size="sm">
								most of it:{' '}
							</Text>
							{data.hosts.map((h) => `${h.label} (${bytes(h.bytes)})`).join(', ')}
						</div>
					)}
					{data.exporters.length > 0 && (
						<div>
							<Text span c="dimmed" size="sm">
								by exporters:{' '}
							</Text>
							{data.exporters.join(', ')}
						</div>
					)}
				</>
			)}
		</div>
	);
}
