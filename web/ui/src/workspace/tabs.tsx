// Up to ten views beside each other, and the picker of the one shown: entity × count × direction.
import { ActionIcon, Menu, Select } from '@mantine/core';
import { IconDots, IconPlus, IconX } from '@tabler/icons-react';
import { memo, useMemo } from 'react';
import { useGrammar } from '@/filter/grammar';
import { Segments } from '@/shell/segments';
import { Tooltip } from '@/shell/tip';
import { TABS_MOST, type Direction, type ViewSpec, type Workspace } from '@/state/view';
import type { Change } from './state';
import { COUNTS, ENTITIES, countWords, directionWords, entityWords, viewTitle } from './words';
import classes from './tabs.module.css';

export const Tabs = memo(function Tabs({ w, change }: { w: Workspace; change: Change }) {
	const only = w.views.length === 1;
	const close = (i: number) => change({ views: w.views.filter((_, j) => j !== i), tab: Math.max(0, i < w.tab || w.tab === w.views.length - 1 ? w.tab - 1 : w.tab) });
	return (
		<div className={classes.tabs} role="group" aria-label="Views">
			{w.views.map((v, i) => (
				<div key={i} className={classes.tab} data-on={i === w.tab || undefined}>
					<button type="button" aria-current={i === w.tab ? 'true' : undefined} onClick={() => i !== w.tab && change({ tab: i, sort: '' })}>
						{viewTitle(v)}
					</button>
					{!only && (
						<button type="button" className={`${classes.close} no-print`} aria-label={`Close ${viewTitle(v)}`} onClick={() => close(i)}>
							<IconX size={12} />
						</button>
					)}
				</div>
			))}
			{w.views.length < TABS_MOST && (
				<Tooltip label="Another view">
					<ActionIcon className="no-print" aria-label="Another view" onClick={() => change({ views: [...w.views, nextView(w.views)], tab: w.views.length, sort: '' })}>
						<IconPlus size={15} />
					</ActionIcon>
				</Tooltip>
			)}
			{!only && (
				<Menu>
					<Menu.Target>
						<ActionIcon className="no-print" aria-label="Close views">
							<IconDots size={15} />
						</ActionIcon>
					</Menu.Target>
					<Menu.Dropdown>
						<Menu.Item onClick={() => close(w.tab)}>Close this view</Menu.Item>
						<Menu.Item onClick={() => change({ views: w.views.filter((_, i) => i === w.tab), tab: 0 })}>Close the others</Menu.Item>
					</Menu.Dropdown>
				</Menu>
			)}
		</div>
	);
});

/** what a new tab shows: the first usual view that is not there yet */
function nextView(views: ViewSpec[]): ViewSpec {
	const usual: ViewSpec[] = (['IP', 'PORTPROTO', 'IPPAIR', 'COUNTRY', 'ASN', 'APP', 'SERVICE', 'EXPORTER', 'PROTO', 'GROUP'] as const).map((entity) => ({ entity, count: 'BYTES', direction: 'total' }));
	return usual.find((u) => !views.some((v) => v.entity === u.entity)) ?? { entity: 'IP', count: 'SESSIONS', direction: 'total' };
}

export function ViewPicker({ w, change }: { w: Workspace; change: Change }) {
	const grammar = useGrammar();
	const spec = w.views[w.tab] ?? w.views[0];
	const entities = useMemo(() => {
		const names = [...new Set([...Object.keys(ENTITIES), ...grammar.entities.map((e) => e.name).filter((n) => n !== 'HOST')])];
		const groups = new Map<string, { value: string; label: string }[]>();
		for (const n of names) {
			if (grammar.entities.length && !grammar.entities.some((e) => e.name === n)) continue;
			const words = entityWords(n);
			groups.set(words.group, [...(groups.get(words.group) ?? []), { value: n, label: words.many }]);
		}
		return [...groups].map(([group, items]) => ({ group, items }));
	}, [grammar]);
	const counts = useMemo(() => {
		const names = grammar.counts.length ? grammar.counts.map((c) => c.name) : Object.keys(COUNTS);
		const item = (n: string) => ({ value: n, label: `by ${countWords(n)}` });
		return [
			{ group: 'Amount', items: names.filter((n) => !n.startsWith('UNIQUE')).map(item) },
			{ group: 'How many different', items: names.filter((n) => n.startsWith('UNIQUE')).map(item) },
		];
	}, [grammar]);
	if (!spec) return null;
	const set = (p: Partial<ViewSpec>) => change({ views: w.views.map((v, i) => (i === w.tab ? { ...v, ...p } : v)), sort: '' });
	const sides = entityWords(spec.entity).sides ?? grammar.entities.find((e) => e.name === spec.entity)?.sides ?? false;
	return (
		<>
			<Select size="xs" aria-label="What is ranked" className={classes.entity} data={entities} value={spec.entity} searchable allowDeselect={false} maxDropdownHeight={420} comboboxProps={{ width: 260, position: 'bottom-start' }} onChange={(v) => v && set({ entity: v, direction: entityWords(v).sides ? spec.direction : 'total' })} />
			<Select size="xs" aria-label="By what" className={classes.count} data={counts} value={spec.count} allowDeselect={false} maxDropdownHeight={420} comboboxProps={{ width: 210, position: 'bottom-start' }} onChange={(v) => v && set({ count: v })} />
			{sides && (
				<Segments label="Direction" data={(['total', 'sent', 'received'] as Direction[]).map((d) => ({ value: d, label: directionWords(spec, d) }))} value={spec.direction} onChange={(d) => set({ direction: d as Direction })} />
			)}
		</>
	);
}
