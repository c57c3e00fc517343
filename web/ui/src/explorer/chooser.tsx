// Which columns, and in which order: the order is changed by dragging heads, or here by the arrows.
import { ActionIcon, Button, Checkbox, Group, Popover, Text } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconColumns } from '@tabler/icons-react';
import { COLUMN, COLUMNS, USUAL, type Column } from './columns';
import classes from './explorer.module.css';

const GROUPS: Column['group'][] = ['Time', 'Client', 'Server', 'Traffic', 'Application', 'Exporter', 'Routing', 'Firewall and NAT', 'Session'];

export function Chooser({ shown, onChange, onReset }: { shown: string[]; onChange: (keys: string[]) => void; onReset: () => void }) {
	const swap = (i: number, k: number) => {
		const next = [...shown];
		const [a, b] = [next[i], next[k]];
		if (a === undefined || b === undefined) return;
		next[i] = b;
		next[k] = a;
		onChange(next);
	};
	return (
		<Popover position="bottom-end" width={330} shadow="md" trapFocus>
			<Popover.Target>
				<Button variant="default" leftSection={<IconColumns size={15} />}>
					Columns
				</Button>
			</Popover.Target>
			<Popover.Dropdown>
				<Group justify="space-between" mb={4}>
					<Text size="sm" fw={600}>
						{shown.length} of {COLUMNS.length} columns
					</Text>
					<Group gap={4}>
						<Button size="compact-xs" variant="default" onClick={() => onChange(COLUMNS.map((c) => c.key))}>
							All
						</Button>
						<Button size="compact-xs" variant="default" onClick={onReset} disabled={shown.join() === USUAL.join()}>
							The usual
						</Button>
					</Group>
				</Group>
				<div className={classes.chooser}>
					<div className={classes.group}>Shown, in this order</div>
					{shown.map((k, i) => {
						const c = COLUMN.get(k);
						if (!c) return null;
						return (
							<Group key={k} justify="space-between" wrap="nowrap" gap={4} py={1}>
								<Checkbox size="xs" label={c.title} checked onChange={() => shown.length > 1 && onChange(shown.filter((x) => x !== k))} />
								<Group gap={0} wrap="nowrap">
									<ActionIcon size="sm" aria-label={`${c.title} further left`} disabled={i === 0} onClick={() => swap(i, i - 1)}>
										<IconArrowUp size={13} />
									</ActionIcon>
									<ActionIcon size="sm" aria-label={`${c.title} further right`} disabled={i === shown.length - 1} onClick={() => swap(i, i + 1)}>
										<IconArrowDown size={13} />
									</ActionIcon>
								</Group>
							</Group>
						);
					})}
					{GROUPS.map((g) => {
						const more = COLUMNS.filter((c) => c.group === g && !shown.includes(c.key));
						if (more.length === 0) return null;
						return (
							<div key={g}>
								<div className={classes.group}>{g}</div>
								{more.map((c) => (
									<Checkbox key={c.key} size="xs" py={2} label={c.title} checked={false} onChange={() => onChange([...shown, c.key])} />
								))}
							</div>
						);
					})}
				</div>
			</Popover.Dropdown>
		</Popover>
	);
}
