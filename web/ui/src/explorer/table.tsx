// A table of any number of rows of which only those on screen exist.  Rows are of one height, so where row i stands is a
// multiplication; beyond what a browser can scroll (about 16 million pixels) the scroll bar stands for a part of the
// way and the wheel still moves row by row.
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type MouseEvent, type PointerEvent } from 'react';
import { crossing, filterOf, textOf, type Column, type Row } from './columns';
import type { Sorting, Source } from './rows';
import classes from './table.module.css';

const ROW = 26;
const HEAD = 33;
const TALLEST = 8_000_000;

export interface TableProps {
	columns: Column[];
	source: Source;
	/** changes with the source's rows */
	version: number;
	sorting: Sorting;
	sortable: (c: Column) => boolean;
	onSort: (by: string) => void;
	widths: Record<string, number>;
	onWidth: (key: string, width: number) => void;
	onMove: (key: string, before: string) => void;
	zone: string;
	frame?: { fromUs: number; toUs: number };
	selected: number;
	onSelect: (i: number) => void;
	onOpen: (row: Row) => void;
	onCell: (column: Column, row: Row, at: { x: number; y: number }) => void;
}

export const widthOf = (c: Column, widths: Record<string, number>): number => widths[c.key] ?? c.width;

function Head({ columns, sorting, sortable, onSort, widths, onWidth, onMove }: Pick<TableProps, 'columns' | 'sorting' | 'sortable' | 'onSort' | 'widths' | 'onWidth' | 'onMove'>) {
	const drag = useRef<{ key: string; x: number; width: number } | null>(null);
	const down = (c: Column) => (e: PointerEvent<HTMLDivElement>) => {
		e.preventDefault();
		e.stopPropagation();
		e.currentTarget.setPointerCapture(e.pointerId);
		drag.current = { key: c.key, x: e.clientX, width: widthOf(c, widths) };
	};
	const move = (e: PointerEvent) => {
		const d = drag.current;
		if (d) onWidth(d.key, Math.max(48, Math.min(800, d.width + e.clientX - d.x)));
	};
	return (
		<div className={classes.head} role="row" aria-rowindex={1}>
			{columns.map((c, i) => {
				const on = sorting.by === c.key;
				const can = sortable(c);
				const arrow = on && (sorting.descending ? <IconArrowDown size={13} aria-hidden /> : <IconArrowUp size={13} aria-hidden />);
				return (
					<div
						key={c.key}
						role="columnheader"
						aria-colindex={i + 1}
						aria-sort={on ? (sorting.descending ? 'descending' : 'ascending') : undefined}
						className={classes.th}
						data-right={c.right || undefined}
						style={{ width: widthOf(c, widths) }}
						draggable
						onDragStart={(e) => e.dataTransfer.setData('text/x-column', c.key)}
						onDragOver={(e) => e.dataTransfer.types.includes('text/x-column') && e.preventDefault()}
						onDrop={(e) => {
							e.preventDefault();
							onMove(e.dataTransfer.getData('text/x-column'), c.key);
						}}
					>
						{can ? (
							<button type="button" className={classes.sort} title={c.help ?? c.title} onClick={() => onSort(c.key)}>
								<span>{c.title}</span>
								{arrow}
							</button>
						) : (
							<div className={classes.sort} title={`${c.help ? `${c.help}; ` : ''}the server does not sort by this column`}>
								<span>{c.title}</span>
							</div>
						)}
						<div className={classes.grip} aria-hidden onPointerDown={down(c)} onPointerMove={move} onPointerUp={() => (drag.current = null)} onDoubleClick={() => onWidth(c.key, c.width)} />
					</div>
				);
			})}
		</div>
	);
}

export function Table(props: TableProps) {
	const { columns, source, selected, onSelect, onOpen, onCell, widths, zone, frame } = props;
	const box = useRef<HTMLDivElement>(null);
	const [view, setView] = useState(600);
	const [top, setTop] = useState(0);
	const total = source.total;
	const full = total * ROW;
	const body = Math.min(full, TALLEST);
	const room = Math.max(0, view - HEAD);
	const ratio = full > body && body > room ? (full - room) / (body - room) : 1;

	useLayoutEffect(() => {
		const e = box.current;
		if (!e) return;
		const seen = new ResizeObserver(() => setView(e.clientHeight));
		seen.observe(e);
		setView(e.clientHeight);
		return () => seen.disconnect();
	}, []);
	// another list begins at its top
	useLayoutEffect(() => {
		if (box.current) box.current.scrollTop = 0;
		setTop(0);
	}, [source]);

	const go = useCallback(
		(to: number) => {
			const fit = Math.max(0, Math.min(full - room, to));
			setTop(fit);
			if (box.current) box.current.scrollTop = fit / ratio;
		},
		[full, room, ratio],
	);
	const scrolled = () => {
		const at = box.current?.scrollTop ?? 0;
		// what we set ourselves comes back rounded: only what differs is the user's
		if (ratio === 1 || Math.abs(at - top / ratio) > 1.5) setTop(at * ratio);
	};
	useEffect(() => {
		const e = box.current;
		if (!e || ratio === 1) return;
		const wheel = (w: WheelEvent) => {
			if (w.ctrlKey || Math.abs(w.deltaX) > Math.abs(w.deltaY)) return;
			w.preventDefault();
			go(top + (w.deltaMode === 1 ? w.deltaY * ROW : w.deltaMode === 2 ? w.deltaY * room : w.deltaY));
		};
		e.addEventListener('wheel', wheel, { passive: false });
		return () => e.removeEventListener('wheel', wheel);
	}, [ratio, top, go, room]);

	const first = Math.max(0, Math.floor(top / ROW) - 4);
	const last = Math.min(total - 1, Math.ceil((top + room) / ROW) + 4);
	useEffect(() => {
		if (total > 0) source.show(first, last);
	}, [source, first, last, total, props.version]);

	// what was chosen elsewhere (go to row) comes into view
	const shown = useRef(selected);
	useEffect(() => {
		if (shown.current === selected || selected < 0) return;
		shown.current = selected;
		const y = selected * ROW;
		if (y < top) go(y);
		else if (y + ROW > top + room) go(y + ROW - room);
	}, [selected, top, room, go]);

	const key = (e: KeyboardEvent) => {
		const page = Math.max(1, Math.floor(room / ROW) - 1);
		const step: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
		let to: number | undefined;
		if (e.key in step) to = selected < 0 ? Math.floor(top / ROW) : selected + (step[e.key] ?? 0);
		else if (e.key === 'Home') to = 0;
		else if (e.key === 'End') to = total - 1;
		else if (e.key === 'Enter' && e.target === box.current) {
			const row = source.row(selected);
			if (row) onOpen(row);
			return;
		} else return;
		e.preventDefault();
		if (total > 0) onSelect(Math.max(0, Math.min(total - 1, to)));
	};
	const cell = (c: Column, row: Row, i: number) => (e: MouseEvent) => {
		onSelect(i);
		if (window.getSelection()?.toString()) return; // text is being marked, to copy it
		if (filterOf(c, row)) onCell(c, row, { x: e.clientX, y: e.clientY });
	};

	const rows = [];
	for (let i = first; i <= last; i++) {
		const row = source.row(i);
		const y = ratio === 1 ? i * ROW : (box.current?.scrollTop ?? 0) + i * ROW - top;
		rows.push(
			<div
				key={i}
				id={`session-row-${i}`}
				role="row"
				aria-rowindex={i + 2}
				aria-selected={i === selected}
				className={classes.row}
				data-selected={i === selected || undefined}
				data-cross={(row && frame && crossing(row, frame.fromUs, frame.toUs)) || undefined}
				style={{ transform: `translateY(${y}px)` }}
				onDoubleClick={() => row && onOpen(row)}
			>
				{columns.map((c, k) => {
					const width = widthOf(c, widths);
					if (!row)
						return (
							<div key={c.key} role="gridcell" aria-colindex={k + 1} style={{ width }}>
								<div className={classes.blank} style={{ width: Math.min(width - 16, 40 + ((i * 7 + k * 13) % 50)) }} />
							</div>
						);
					const text = textOf(c, row, zone);
					return (
						<div
							key={c.key}
							role="gridcell"
							aria-colindex={k + 1}
							className={classes.cell}
							data-right={c.right || undefined}
							data-pick={filterOf(c, row) !== '' || undefined}
							style={{ width }}
							title={text.length * 7.2 > width ? text : undefined}
							onClick={cell(c, row, i)}
						>
							{text}
						</div>
					);
				})}
			</div>,
		);
	}
	const wide = columns.reduce((n, c) => n + widthOf(c, widths), 0);
	return (
		<div
			ref={box}
			className={classes.frame}
			role="grid"
			aria-label="Sessions"
			aria-rowcount={total + 1}
			aria-colcount={columns.length}
			aria-activedescendant={selected >= first && selected <= last ? `session-row-${selected}` : undefined}
			tabIndex={0}
			onScroll={scrolled}
			onKeyDown={key}
			data-testid="sessions"
		>
			<Head {...props} />
			<div className={classes.body} role="rowgroup" style={{ height: body, width: wide }}>
				{rows}
			</div>
		</div>
	);
}
