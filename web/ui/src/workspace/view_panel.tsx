// One view: its picker, chart, what was scanned for it, its table.
import { ActionIcon, Button, Group, Pagination, Progress, Select, Text, useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconChartArea, IconChartBar, IconChartLine, IconChartSankey, IconCpu, IconDatabase, IconTopologyStar3 } from '@tabler/icons-react';
import { memo, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { useOp } from '@/api/query';
import { PairGraph, PairSankey, type PairRow } from '@/graph';
import { Empty, Problem, Waiting } from '@/shell/parts';
import { Segments } from '@/shell/segments';
import { Tooltip } from '@/shell/tip';
import { useZone } from '@/state/zone';
import { ROWS, type ChartType, type Workspace } from '@/state/view';
import { follows, iso } from '@/time/frame';
import { useRefresh } from '@/time/control';
import { count, milliseconds, plural } from '@/words/format';
import { dateTime, timeText } from '@/words/clock';
import { Chart } from './chart';
import type { Drawing } from './chart_draw';
import { Columns } from './columns';
import { SORT_MOST, useProgress, useView, type Row } from './data';
import { pictureOf, type Picture } from './picture';
import type { Change } from './state';
import { ViewTable, type ShownRow } from './table';
import { ViewPicker } from './tabs';
import { shown, thingsOf } from './things';
import { openValueMenu } from './value_menu';
import { entityWords, measureOf, viewTitle } from './words';
import classes from './view_panel.module.css';


const TYPES: { value: ChartType; label: string; icon: typeof IconChartArea; pair?: boolean }[] = [
	{ value: 'area', label: 'Stacked areas', icon: IconChartArea },
	{ value: 'bars', label: 'Stacked bars', icon: IconChartBar },
	{ value: 'lines', label: 'Lines', icon: IconChartLine },
	{ value: 'graph', label: 'Connection graph', icon: IconTopologyStar3, pair: true },
	{ value: 'sankey', label: 'Sankey', icon: IconChartSankey, pair: true },
];

function nameOf(entity: string, row: Row): string {
	const things = thingsOf(entity, row.key);
	if (things.length === 1 && things[0]) return shown(things[0], row.label).main;
	return things.map((t, i) => shown(t, row.labels?.[i]).main).join(entity === 'SERVICE' ? ':' : ' ↔ ');
}

export interface PanelHandle {
	reload: () => void;
	busy: boolean;
	png: (() => void) | null;
}
export interface PanelShown {
	drawing: Drawing;
	picture: Picture;
	ground: string;
	text: string;
	dim: string;
}

const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function Busy({ fetching, cancel }: { fetching: boolean; cancel: () => void }) {
	const progress = useProgress();
	const [late, setLate] = useState(false);
	useEffect(() => {
		if (!fetching) return setLate(false);
		const t = setTimeout(() => setLate(true), 700);
		return () => clearTimeout(t);
	}, [fetching]);
	if (!fetching) return <div className={classes.progress} />;
	const part = progress?.part;
	return (
		<div className={classes.progress} role="status" aria-label="The query runs">
			<Progress value={part === undefined ? 100 : Math.max(3, part * 100)} animated={part === undefined} striped={part === undefined} size={3} radius={0} transitionDuration={150} />
			{late && (
				<div className={classes.late}>
					<span>{part === undefined ? 'Waiting for a free place …' : `${Math.round(part * 100)} %`}</span>
					<Button size="compact-xs" variant="default" onClick={cancel}>
						Cancel
					</Button>
				</div>
			)}
		</div>
	);
}

/** what is above the chart: not drawn again while one points at it */
const Head = memo(function Head({ w, change }: { w: Workspace; change: Change }) {
	const spec = w.views[w.tab] ?? w.views[0];
	const { pair } = entityWords(spec?.entity ?? '');
	return (
		<div className={`${classes.head} no-print`}>
			<ViewPicker w={w} change={change} />
			<span className={classes.gap} />
			{(spec?.count === 'BYTES' || spec?.count === 'BITS') && <Segments label="Unit" data={UNITS} value={w.unit} onChange={(u) => change({ unit: u as 'bits' | 'bytes' }, { replace: true })} />}
			<Group gap={0} wrap="nowrap" role="radiogroup" aria-label="Picture">
				{TYPES.filter((t) => !t.pair || pair).map((t) => (
					<Tooltip key={t.value} label={t.label}>
						<ActionIcon role="radio" aria-checked={w.type === t.value} aria-label={t.label} size={30} variant={w.type === t.value ? 'light' : 'subtle'} color={w.type === t.value ? undefined : 'gray'} onClick={() => change({ type: t.value })}>
							<t.icon size={17} stroke={1.7} />
						</ActionIcon>
					</Tooltip>
				))}
			</Group>
		</div>
	);
});
const UNITS = [{ value: 'bits', label: 'bits' }, { value: 'bytes', label: 'bytes' }];

/** the names that administrators gave to exporters: the label where there is no friendly name */
function useExporterNames(wanted: boolean): Map<string, string> | null {
	const { data } = useOp('exporters.list', {}, { enabled: wanted, staleTime: 60_000 });
	return useMemo(() => (wanted && data ? new Map(data.exporters.filter((e) => e.name && e.name !== e.address).map((e) => [e.address, e.name])) : null), [wanted, data]);
}

export function ViewPanel({ w, change, reloadRef, onShown }: { w: Workspace; change: Change; reloadRef: { current: () => void }; onShown: (s: PanelShown | null) => void }) {
	const spec = w.views[w.tab] ?? w.views[0] ?? { entity: 'IP', count: 'BYTES', direction: 'total' as const };
	const words = entityWords(spec.entity);
	const dark = useComputedColorScheme('dark') === 'dark';
	const [zone] = useZone();
	const { ref, width } = useElementSize();
	const narrow = width > 0 && width < 620;
	const pairPicture = words.pair === true && (w.type === 'graph' || w.type === 'sankey');
	const { data: view, error, isFetching, isPlaceholderData, refetch, cancel } = useView(w);
	const measure = useMemo(() => measureOf(spec.count, w.unit), [spec.count, w.unit]);
	const [lit, setLit] = useState<number | null>(null);
	const [marked, setMarked] = useState<number | null>(null);
	const drawing = useRef<Drawing | null>(null);
	const reload = () => void refetch();
	reloadRef.current = reload;
	useRefresh(w, w.refresh, isFetching, reload);
	useEffect(() => {
		setMarked(null);
		setLit(null);
	}, [view]);

	// what the answer is of: while the next is on its way, the last one stays
	const answered = view && view.entity === spec.entity ? spec : view ? { entity: view.entity, count: view.count, direction: view.direction } : spec;
	const tags = useExporterNames(view?.entity === 'EXPORTER');
	const rows = useMemo((): ShownRow[] => {
		if (!view) return [];
		const tagged = tags ? view.rows.map((r) => (r.label || typeof r.key !== 'string' ? r : { ...r, label: tags.get(r.key) ?? null })) : view.rows;
		let list = tagged.map((row, i): ShownRow => ({ row, rank: view.offset + i, colour: view.offset + i, name: nameOf(view.entity, row) }));
		if (w.sort !== '') {
			const key = w.sort.replace('-', '') as keyof Row;
			const sign = w.sort.startsWith('-') ? -1 : 1;
			list.sort((a, b) => sign * (Number(a.row[key] ?? 0) - Number(b.row[key] ?? 0)) || a.rank - b.rank);
			list = list.slice(w.page * w.rows, (w.page + 1) * w.rows);
		} else list = list.slice(0, w.rows);
		return list.map((r, i) => ({ ...r, colour: i }));
	}, [view, tags, w.sort, w.page, w.rows]);

	const deferredWidth = useDeferredValue(Math.round(width / 60) * 60);
	const picture = useMemo(
		() =>
			view && !pairPicture && width > 0
				? pictureOf(view, rows, measure, {
						type: w.type === 'bars' || w.type === 'lines' ? w.type : 'area',
						zone,
						width: deferredWidth || 800,
						ranked: w.sort === '',
						look: { dark, dim: css('--ft-dim'), line: css('--ft-line'), hatch: css('--ft-hatch'), font: css('--mantine-font-family') || 'sans-serif' },
					})
				: null,
		[view, rows, measure, w.type, w.sort, zone, deferredWidth, dark, pairPicture, width > 0],
	);
	useEffect(() => {
		onShown(picture && drawing.current ? { drawing: drawing.current, picture, ground: css('--ft-panel'), text: css('--ft-text'), dim: css('--ft-dim') } : null);
	}, [picture, onShown]);

	const onSort = useCallback((s: string) => change({ sort: s }), [change]);
	const pairs = useMemo(
		() => ({
			rows: rows.filter((r) => Array.isArray(r.row.key)).map((r): PairRow => ({ key: r.row.key as [string, string], label: r.row.labels as PairRow['label'], value: r.row.value, colour: r.colour })),
			valueText: measure.amount,
			what: words.many.toLowerCase(),
			onPick: (what: string | [string, string], at: { x: number; y: number }) => pick(spec.entity, what, at),
		}),
		[rows, measure, words, spec.entity],
	);

	const all = view ? (w.sort === '' ? view.other.count + view.offset + view.rows.length - (view.offset > 0 ? Math.min(view.offset, view.other.count) : 0) : view.rows.length) : 0;
	const pages = Math.max(1, Math.ceil(all / w.rows));
	const waiting = view && view.complete_until_us !== null && view.complete_until_us < view.to_us && follows(w) ? view.complete_until_us : null;
	const title = viewTitle(spec);
	return (
		<div className={classes.panel} ref={ref}>
			<Head w={w} change={change} />
			<Busy fetching={isFetching} cancel={cancel} />
			{error ? (
				<div className={classes.problem}>
					<Problem error={error} onRetry={reload} />
				</div>
			) : null}
			{view && !error && view.warnings.length > 0 && (
				<div className={classes.problem}>
					{view.warnings.map((x) => (
						<Text key={x} size="xs">{x}</Text>
					))}
				</div>
			)}
			{!view && !error ? (
				<Waiting>Asking …</Waiting>
			) : view && view.rows.length === 0 && view.offset === 0 && !isPlaceholderData ? (
				<Empty title="Nothing in this time frame">
					{w.filter || w.exporter || w.border ? 'No session matches the filter and the source. Widen one of them, or the time.' : 'No flows were stored for this time. Try a longer one, or look whether exporters send.'}
					<Group mt="sm" justify="center" gap={8}>
						<Button size="xs" variant="default" onClick={() => change({ from: 'now-1d', to: 'now' })}>Last day</Button>
						{w.filter !== '' && <Button size="xs" variant="default" onClick={() => change({ filter: '', mode: 'all' })}>Without the filter</Button>}
					</Group>
				</Empty>
			) : view && !error ? (
				<div data-stale={isPlaceholderData || undefined} className={classes.body}>
					{pairPicture ? (
						<div className={classes.graph}>
							{w.type === 'graph' ? <PairGraph {...pairs} height={narrow ? 360 : 460} /> : <PairSankey {...pairs} height={narrow ? 360 : 460} />}
						</div>
					) : (
						<>
							<div className={classes.axis}>{measure.axis}</div>
							<Chart
								picture={picture}
								height={narrow ? 220 : 280}
								zone={zone}
								lit={lit}
								onLit={setLit}
								onMark={setMarked}
								onZoom={(a, b) => change({ from: iso(Math.floor(a / 100) * 100), to: iso(Math.ceil(b / 100) * 100) })}
								slot={measure.slot}
								drawing={drawing}
								label={`${title}, over time; the table below has the figures`}
							/>
						</>
					)}
					<div className={classes.facts}>
						<Tooltip label={view.source === 'ram' ? 'Answered from memory' : view.source === 'disk' ? 'Read from disk' : 'Partly from memory, partly from disk'}>
							<span className={classes.source}>
								{view.source === 'ram' ? <IconCpu size={13} /> : <IconDatabase size={13} />} {view.source === 'ram' ? 'RAM' : view.source === 'disk' ? 'disk' : 'RAM and disk'}
							</span>
						</Tooltip>
						<span>{plural(view.rows_scanned, 'row')} scanned</span>
						<span>{milliseconds(view.elapsed_ms)}</span>
						<span>{plural(view.total.sessions, 'session')}, exact</span>
						{waiting !== null && (
							<Tooltip label="Flows that belong there may still be on their way: hatched">
								<span>complete until {timeText(waiting / 1000, zone)}</span>
							</Tooltip>
						)}
						<span className={classes.range}>
							{dateTime(view.from_us, zone)} – {dateTime(view.to_us, zone)} {zone === 'UTC' ? 'UTC' : ''}
						</span>
					</div>
					<ViewTable view={view} rows={rows} spec={answered} w={w} measure={measure} dark={dark} lit={lit} marked={marked} onLit={setLit} onSort={onSort} />
					<div className={`${classes.pages} no-print`}>
						<Group gap={8}>
							<Columns w={w} spec={answered} measure={measure} change={change} />
							<Text size="xs" c="dimmed">Rows</Text>
							<Select size="xs" w={76} aria-label="Rows a page" data={ROWS.map(String)} value={String(w.rows)} allowDeselect={false} onChange={(v) => v && change({ rows: Number(v) })} />
							<Text size="xs" c="dimmed">
								{w.sort !== '' && all >= SORT_MOST ? `sorted among the first ${count(SORT_MOST)} by rank` : plural(all, words.one.toLowerCase(), words.many.replace(/ \(.*\)$/, '').toLowerCase())}
							</Text>
						</Group>
						<Pagination size="sm" total={pages} siblings={narrow ? 0 : 1} value={Math.min(w.page, pages - 1) + 1} onChange={(p) => change({ page: p - 1 })} getControlProps={(c) => ({ 'aria-label': c === 'next' ? 'Next page' : 'Page before' })} withControls />
					</div>
				</div>
			) : null}
		</div>
	);
}

function pick(entity: string, key: string | [string, string], at: { x: number; y: number }): void {
	const whole = thingsOf(entity, Array.isArray(key) ? key : [key, '-']);
	const [thing] = whole;
	if (!thing) return;
	// a line between two: both
	if (Array.isArray(key)) openValueMenu({ thing: { kind: 'other', key: key.join(' ↔ '), tests: whole.flatMap((t) => t.tests) }, at });
	else openValueMenu({ thing, at });
}
