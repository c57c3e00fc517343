// The table under the chart is its legend: the colour, the value, what it was ranked by, its part, both directions.

import { memo, useEffect, useMemo, useRef, type MouseEvent } from 'react';
import { Tooltip } from '@/shell/tip';
import { colour } from '@/words/palette';
import { bytes, count, percent, short } from '@/words/format';
import { useLookup, type Looked, type Row, type View } from './data';
import { flag, shown, thingsOf, countryName } from './things';
import { openValueMenu } from './value_menu';
import { countWords, directionWords, entityWords, type Measure } from './words';
import type { ViewSpec, Workspace } from '@/state/view';
import classes from './table.module.css';

export interface ShownRow {
	row: Row;
	/** index of its colour */
	colour: number;
	/** rank by which the server sorted */
	rank: number;
	name: string;
}

type Column = { key: keyof Row & string; head: string; help: string; format: (v: number, m: Measure) => string };

export function columnsOf(spec: ViewSpec, measure: Measure): Column[] {
	const words = entityWords(spec.entity);
	const sides = words.sides || words.pair;
	const sent = words.pair ? 'A → B' : sides ? 'Sent' : 'Client';
	const received = words.pair ? 'B → A' : sides ? 'Received' : 'Server';
	const about = words.pair ? 'from the first named to the second' : sides ? 'from it' : 'from client to server';
	const inverse = words.pair ? 'from the second named to the first' : sides ? 'to it' : 'from server to client';
	const amount = (v: number): string => (spec.count === 'BYTES' || spec.count === 'BITS' ? measureBytes(v, measure) : bytes(v));
	return [
		{ key: 'bytes_sent', head: sent, help: `Amount ${about}`, format: amount },
		{ key: 'bytes_received', head: received, help: `Amount ${inverse}`, format: amount },
		{ key: 'packets_sent', head: `Pkts ${words.pair ? sent : sent.toLowerCase()}`, help: `Packets ${about}`, format: short },
		{ key: 'packets_received', head: `Pkts ${words.pair ? received : received.toLowerCase()}`, help: `Packets ${inverse}`, format: short },
		{ key: 'sessions_initiated', head: 'Initiated', help: 'Sessions it began', format: short },
		{ key: 'sessions_accepted', head: 'Accepted', help: 'Sessions others began with it', format: short },
	];
}
/** in the order that the workspace has them */
function chosenColumns(all: Column[], keys: string[] | undefined): Column[] {
	return keys ? keys.flatMap((k) => all.find((c) => c.key === k) ?? []) : all;
}
const measureBytes = (v: number, m: Measure): string => (m.axis === 'bit/s' ? `${short(v * 8)}${v * 8 >= 999.5 ? '' : ' '}bit` : bytes(v));

interface Props {
	view: View;
	rows: ShownRow[];
	spec: ViewSpec;
	w: Workspace;
	measure: Measure;
	dark: boolean;
	lit: number | null;
	marked: number | null;
	onLit: (row: number | null) => void;
	onSort: (sort: string) => void;
}

const Key = memo(function Key({ spec, row, lookup }: { spec: ViewSpec; row: Row; lookup: Record<string, Looked> }) {
	const things = thingsOf(spec.entity, row.key);
	const single = things.length === 1;
	const menu = (i: number) => (e: MouseEvent<HTMLButtonElement>) => {
		const thing = things[i];
		if (!thing) return;
		const r = e.currentTarget.getBoundingClientRect();
		openValueMenu({ thing, at: { x: e.clientX || r.left, y: (e.clientY || r.bottom) + 4 }, whole: things });
	};
	return (
		<span className={classes.key}>
			{things.map((t, i) => {
				const l = t.kind === 'address' ? lookup[t.key] : undefined;
				const s = shown(t, single ? row.label : row.labels?.[i]);
				const name = single && row.label ? undefined : (l?.name ?? undefined);
				return (
					<span key={i} className={classes.part}>
						{i > 0 && <span className={classes.arrow}>{t.kind === 'port' ? ':' : '↔'}</span>}
						<button type="button" className={classes.value} onClick={menu(i)} title={t.key}>
							{s.flag && <span className={classes.flag} aria-hidden="true">{s.flag} </span>}
							{s.main}
						</button>
						{s.more && <span className={classes.more}>{s.more}</span>}
						{name && <span className={classes.more}>{name}</span>}
						{l?.country && l.country !== '??' && (
							<span className={classes.more} title={countryName(l.country)}>
								<span aria-hidden="true">{flag(l.country)}</span> {l.country}
							</span>
						)}
						{l?.as ? <span className={classes.more}>{l.as_name ?? `AS${l.as}`}</span> : null}
					</span>
				);
			})}
			{!single && !row.labels?.some((x) => x) && row.label && <span className={classes.more}>{row.label}</span>}
		</span>
	);
});

export function ViewTable({ view, rows, spec, w, measure, dark, lit, marked, onLit, onSort }: Props) {
	const addresses = useMemo(() => rows.flatMap((r) => thingsOf(view.entity, r.row.key).filter((t) => t.kind === 'address').map((t) => t.key)), [rows, view]);
	const lookup = useLookup(addresses, w);
	const columns = useMemo(() => chosenColumns(columnsOf(spec, measure), w.columns), [spec, measure, w.columns]);
	const unique = spec.count.startsWith('UNIQUE');
	const box = useRef<HTMLTableSectionElement>(null);
	useEffect(() => {
		if (marked !== null) box.current?.rows[marked]?.scrollIntoView({ block: 'nearest' });
	}, [marked]);
	const sorted = w.sort.replace('-', '');
	const head = (key: string, label: string, help: string, className?: string) => {
		const on = key === 'value' ? w.sort === '' || sorted === 'value' : sorted === key;
		const rising = on && w.sort !== '' && !w.sort.startsWith('-');
		const next = key === 'value' ? '' : on && !rising ? key : `-${key}`;
		return (
			<th key={key} className={className} aria-sort={on ? (rising ? 'ascending' : 'descending') : 'none'}>
				<Tooltip label={help}>
					<button type="button" onClick={() => onSort(next)} data-on={on || undefined}>
						{label}
						<span className={classes.sort} aria-hidden="true">{on ? (rising ? '↑' : '↓') : ''}</span>
					</button>
				</Tooltip>
			</th>
		);
	};
	const counted = spec.count === 'BYTES' || spec.count === 'BITS' ? w.unit : countWords(spec.count);
	const largest = Math.max(1e-9, ...rows.map((r) => r.row.percent));
	const ranked = `${counted}${spec.direction === 'total' ? '' : ` ${directionWords(spec, spec.direction)}`}`;
	const { other, total } = view;
	const totalOf = spec.count === 'BYTES' || spec.count === 'BITS' ? measureBytes(total.bytes, measure) : spec.count === 'PACKETS' ? short(total.packets) : spec.count === 'SESSIONS' ? short(total.sessions) : spec.count === 'UPDATES' ? short(total.flows) : '';
	return (
		<div className={classes.scroll} tabIndex={0} role="region" aria-label="Table of the view">
			<table className={classes.table} data-testid="view-table">
				<thead>
					<tr>
						<th className={classes.rank}>#</th>
						<th className={classes.name}>{entityWords(spec.entity).one}</th>
						{head('value', ranked[0]?.toUpperCase() + ranked.slice(1), 'What the rows are ranked by', classes.ranked)}
						<th>
							<Tooltip label="Part of everything selected">
								<span>Share</span>
							</Tooltip>
						</th>
						{columns.map((c) => head(c.key, c.head, c.help))}
					</tr>
				</thead>
				<tbody ref={box}>
					{rows.map(({ row, colour: c, rank }, i) => (
						<tr key={rank} data-lit={lit === i || undefined} data-marked={marked === i || undefined} onMouseEnter={() => onLit(i)} onMouseLeave={() => onLit(null)}>
							<td className={classes.rank}>
								<i style={{ background: colour(c, dark) }} />
								{rank + 1}
							</td>
							<td className={classes.name}>
								<Key spec={spec} row={row} lookup={lookup} />
							</td>
							<td className={classes.ranked} title={count(row.value)}>
								{measure.amount(row.value)}
							</td>
							<td className={classes.share}>
								<span className={classes.bar} style={{ width: `calc(${((100 * row.percent) / largest).toFixed(1)}% - 16px)`, background: colour(c, dark) }} />
								<span>{percent(row.percent)}</span>
							</td>
							{columns.map((col) => (
								<td key={col.key} title={count(row[col.key] as number)}>
									{col.format(row[col.key] as number, measure)}
								</td>
							))}
						</tr>
					))}
				</tbody>
				<tfoot>
					<tr>
						<td className={classes.rank} />
						<td className={classes.name}>Other, {count(other.count)} more</td>
						<td className={classes.ranked}>{other.value === null ? '' : measure.amount(other.value)}</td>
						<td colSpan={columns.length + 1} className={classes.note}>
							{unique ? 'distinct ones can’t be added up' : ''}
						</td>
					</tr>
					<tr>
						<td className={classes.rank} />
						<td className={classes.name}>Total</td>
						<td className={classes.ranked}>{totalOf}</td>
						<td colSpan={columns.length + 1} className={classes.note}>
							{bytes(total.bytes)} · {short(total.packets)} packets · {count(total.sessions)} sessions · {count(total.flows)} flows
						</td>
					</tr>
				</tfoot>
			</table>
		</div>
	);
}
