// Which of the further columns the table has, and in which order: a part of the workspace, and remembered for the next one.
import { ActionIcon, Checkbox, Group, Popover } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconColumns } from '@tabler/icons-react';
import { memo } from 'react';
import { AMOUNTS, type ViewSpec, type Workspace } from '@/state/view';
import { Tooltip } from '@/shell/tip';
import type { Change } from './state';
import { columnsOf } from './table';
import type { Measure } from './words';

export const Columns = memo(function Columns({ w, spec, measure, change }: { w: Workspace; spec: ViewSpec; measure: Measure; change: Change }) {
	const all = columnsOf(spec, measure);
	const shown: string[] = w.columns ?? [...AMOUNTS];
	const order = [...shown, ...AMOUNTS.filter((k) => !shown.includes(k))];
	const set = (columns: string[]) => change({ columns }, { replace: true });
	const swap = (i: number, k: number) => {
		const next = [...shown];
		const [a, b] = [next[i], next[k]];
		if (a === undefined || b === undefined) return;
		next[i] = b;
		next[k] = a;
		set(next);
	};
	return (
		<Popover position="top-start" shadow="md" trapFocus width={270}>
			<Popover.Target>
				<Tooltip label="Columns of the table">
					<ActionIcon aria-label="Columns of the table">
						<IconColumns size={16} />
					</ActionIcon>
				</Tooltip>
			</Popover.Target>
			<Popover.Dropdown>
				{order.map((key) => {
					const c = all.find((x) => x.key === key);
					const i = shown.indexOf(key);
					if (!c) return null;
					return (
						<Group key={key} justify="space-between" wrap="nowrap" gap={4} py={2}>
							<Checkbox size="xs" label={c.head} description={c.help} checked={i >= 0} onChange={() => set(i >= 0 ? shown.filter((x) => x !== key) : [...shown, key])} />
							<Group gap={0} wrap="nowrap">
								<ActionIcon size="sm" aria-label={`${c.head} further left`} disabled={i < 1} onClick={() => swap(i, i - 1)}>
									<IconArrowUp size={13} />
								</ActionIcon>
								<ActionIcon size="sm" aria-label={`${c.head} further right`} disabled={i < 0 || i === shown.length - 1} onClick={() => swap(i, i + 1)}>
									<IconArrowDown size={13} />
								</ActionIcon>
							</Group>
						</Group>
					);
				})}
			</Popover.Dropdown>
		</Popover>
	);
});
