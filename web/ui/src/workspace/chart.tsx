// The chart: hovering says what is where, a click marks a row, dragging zooms.
import { useEffect, useLayoutEffect, useRef, useState, type PointerEvent } from 'react';
import { dateTime, timeText } from '@/words/clock';
import type { Drawing } from './chart_draw';
import type { Picture } from './picture';
import classes from './chart.module.css';

const library = () => import('./chart_draw');
/** begun with the screen, not with the first answer */
export const preload = (): void => void library();
/** while nobody waits: what the first drawing would have to find out and compile */
export const warm = (): void => void library().then((l) => l.rehearse());

interface Props {
	picture: Picture | null;
	height: number;
	zone: string;
	lit: number | null;
	onLit: (row: number | null) => void;
	onMark: (row: number | null) => void;
	onZoom: (fromMs: number, toMs: number) => void;
	slot: (v: number) => string;
	drawing: { current: Drawing | null };
	label: string;
}
interface Hover {
	x: number;
	index: number;
	series: number;
}

function seriesAt(p: Picture, index: number, value: number): number {
	if (p.type === 'lines') {
		let best = -1;
		let distance = Infinity;
		p.series.forEach((s, i) => {
			const d = Math.abs((s.values[index] ?? 0) - value);
			if (d < distance) [best, distance] = [i, d];
		});
		return best;
	}
	let sum = 0;
	for (let i = 0; i < p.series.length; i++) {
		sum += p.series[i]?.values[index] ?? 0;
		if (value <= sum) return i;
	}
	return -1;
}

function Tip({ p, hover, zone, slot, width }: { p: Picture; hover: Hover; zone: string; slot: (v: number) => string; width: number }) {
	const start = p.from + (p.slots[hover.index] ?? 0) * p.slotMs;
	const list = p.series.map((s, i) => ({ s, i, v: s.values[hover.index] ?? 0 })).filter((x) => x.v > 0);
	const total = list.reduce((sum, x) => sum + x.v, 0);
	const top = [...list].sort((a, b) => b.v - a.v).slice(0, 10);
	const left = hover.x > width / 2;
	return (
		<div className={classes.tip} style={left ? { right: width - hover.x + 14 } : { left: hover.x + 14 }}>
			<div className={classes.tipTime}>
				{dateTime(start * 1000, zone)} – {timeText(start + p.slotMs, zone)}
			</div>
			<table>
				<tbody>
					{top.map(({ s, i, v }) => (
						<tr key={i} data-lit={i === hover.series || undefined}>
							<td>
								<i style={{ background: s.colour }} />
								{s.name}
							</td>
							<td>{slot(v)}</td>
						</tr>
					))}
					{list.length > top.length && (
						<tr>
							<td>{list.length - top.length} more</td>
							<td />
						</tr>
					)}
					{p.type !== 'lines' && (
						<tr className={classes.tipTotal}>
							<td>together</td>
							<td>{slot(total)}</td>
						</tr>
					)}
				</tbody>
			</table>
		</div>
	);
}

export function Chart({ picture, height, zone, lit, onLit, onMark, onZoom, slot, drawing, label }: Props) {
	const box = useRef<HTMLDivElement>(null);
	const [ready, setReady] = useState(false);
	const [hover, setHover] = useState<Hover | null>(null);
	const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
	const [width, setWidth] = useState(0);

	useEffect(() => {
		let gone = false;
		void library().then(({ mount }) => {
			if (gone || !box.current) return;
			drawing.current = mount(box.current);
			setReady(true);
		});
		return () => {
			gone = true;
			drawing.current?.dispose();
			drawing.current = null;
		};
	}, [drawing]);
	useEffect(() => {
		const el = box.current;
		if (!el) return undefined;
		const observer = new ResizeObserver(() => {
			setWidth(el.clientWidth);
			drawing.current?.resize();
		});
		observer.observe(el);
		return () => observer.disconnect();
	}, [drawing]);
	useLayoutEffect(() => {
		if (!ready || !picture) return;
		drawing.current?.draw(picture);
		// for whoever waits for it, as the tests do: how often it was drawn
		if (box.current) box.current.dataset.drawn = String(Number(box.current.dataset.drawn ?? 0) + 1);
	}, [ready, picture, drawing]);
	useEffect(() => {
		const i = lit === null || !picture ? -1 : picture.series.findIndex((s) => s.row === lit);
		drawing.current?.highlight(i < 0 ? null : i);
	}, [lit, picture, drawing, ready]);

	const where = (e: PointerEvent): [number, number] => {
		const r = e.currentTarget.getBoundingClientRect();
		return [e.clientX - r.left, e.clientY - r.top];
	};
	const find = (x: number, y: number): Hover | null => {
		const at = drawing.current?.at(x, y);
		if (!picture || !at || at[0] < picture.from || at[0] > picture.to || picture.slotMs === 0) return null;
		const no = Math.min(Math.floor((at[0] - picture.from) / picture.slotMs), picture.slots.at(-1) ?? 0);
		const index = picture.type === 'bars' ? no : no + 1;
		return { x: drawing.current?.x(picture.times[index] ?? at[0]) ?? x, index, series: seriesAt(picture, index, at[1]) };
	};
	const rowOf = (h: Hover | null): number | null => (h && h.series >= 0 ? (picture?.series[h.series]?.row ?? null) : null);
	const move = (e: PointerEvent<HTMLDivElement>) => {
		const [x, y] = where(e);
		if (drag) return setDrag({ ...drag, to: x });
		const h = find(x, y);
		setHover(h);
		onLit(rowOf(h));
	};
	const down = (e: PointerEvent<HTMLDivElement>) => {
		if (e.button !== 0 || e.pointerType === 'touch') return;
		e.currentTarget.setPointerCapture(e.pointerId);
		const [x] = where(e);
		setDrag({ from: x, to: x });
		setHover(null);
	};
	const up = (e: PointerEvent<HTMLDivElement>) => {
		const [x, y] = where(e);
		if (drag && Math.abs(drag.to - drag.from) > 6 && picture) {
			const [a, b] = [drag.from, drag.to].sort((p, q) => p - q).map((px) => drawing.current?.at(px, y)?.[0]);
			if (a !== undefined && b !== undefined) onZoom(Math.max(picture.from, a), Math.min(picture.to, b));
		} else onMark(rowOf(find(x, y)));
		setDrag(null);
	};
	return (
		<div
			className={classes.chart}
			style={{ height }}
			role="img"
			aria-label={label}
			data-testid="chart"
			onPointerMove={move}
			onPointerDown={down}
			onPointerUp={up}
			onPointerCancel={() => setDrag(null)}
			onPointerLeave={() => {
				setHover(null);
				onLit(null);
			}}
		>
			<div ref={box} className={classes.canvas} />
			{hover && !drag && picture && (
				<>
					<div className={classes.cross} style={{ left: hover.x }} />
					<Tip p={picture} hover={hover} zone={zone} slot={slot} width={width} />
				</>
			)}
			{drag && <div className={classes.drag} style={{ left: Math.min(drag.from, drag.to), width: Math.abs(drag.to - drag.from) }} />}
		</div>
	);
}
