// Pairs as a flow diagram (ECharts): two columns of ends, bands between them as wide as their amount.
import { useComputedColorScheme } from '@mantine/core';
import { SankeyChart } from 'echarts/charts';
import { AriaComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useMemo, useRef } from 'react';
import { colour } from '@/words/palette';
import { pairColumns } from './layout';
import type { PairProps } from './index';
import classes from './graph.module.css';

echarts.use([SankeyChart, TooltipComponent, AriaComponent, CanvasRenderer]);

const BAND = 21; // pixels that a name needs

export default function Sankey({ rows, valueText, onPick, height, what = 'ends' }: PairProps) {
	const stage = useRef<HTMLDivElement>(null);
	const pick = useRef(onPick);
	pick.current = onPick;
	const dark = useComputedColorScheme('dark') === 'dark';
	const tall = height ?? 460;
	const most = Math.min(rows.length, Math.max(8, Math.floor((tall - 20) / BAND)));
	const columns = useMemo(() => pairColumns(rows, most), [rows, most]);

	useEffect(() => {
		if (!stage.current) return;
		const chart = echarts.init(stage.current);
		const text = dark ? '#dbe1e6' : '#1c242b';
		const label = new Map<string, string>();
		const key = new Map<string, string>();
		const node = (side: string) => (n: { key: string; label: string }, i: number) => {
			const name = side + n.key;
			label.set(name, n.label);
			key.set(name, n.key);
			return { name, itemStyle: { color: colour(i, dark), borderWidth: 0 }, label: { position: side === 'L' ? ('right' as const) : ('left' as const) } };
		};
		const words = (n: string) => label.get(n) ?? n;
		chart.setOption({
			animation: false,
			textStyle: { fontFamily: 'Inter, system-ui, sans-serif' },
			// rich text, not HTML: labels come from users and from the wire
			tooltip: {
				renderMode: 'richText',
				backgroundColor: dark ? '#1c2229' : '#ffffff',
				borderColor: dark ? '#2b333b' : '#dfe4e8',
				textStyle: { color: text, fontSize: 12 },
				formatter: (p: unknown) => {
					const q = p as { dataType: string; name: string; value: number; data: { source: string; target: string; value: number } };
					return q.dataType === 'edge' ? `${words(q.data.source)} – ${words(q.data.target)}\n${valueText(q.data.value)}` : `${words(q.name)}\n${valueText(q.value)}`;
				},
			},
			series: [
				{
					type: 'sankey',
					left: 12,
					right: 12,
					top: 10,
					bottom: 10,
					nodeGap: 6,
					nodeWidth: 12,
					draggable: false,
					emphasis: { focus: 'adjacency' },
					lineStyle: { color: 'source', opacity: dark ? 0.35 : 0.28, curveness: 0.5 },
					label: { color: text, fontSize: 12, width: 190, overflow: 'truncate', formatter: (p: { name: string }) => words(p.name) },
					data: [...columns.left.map(node('L')), ...columns.right.map(node('R'))],
					links: columns.links.map((l) => ({ source: 'L' + l.from, target: 'R' + l.to, value: l.value, keys: l.row.key })),
				},
			],
		});
		chart.on('click', (p) => {
			const e = p.event?.event as MouseEvent | undefined;
			const at = { x: e?.clientX ?? 0, y: e?.clientY ?? 0 };
			const data = p.data as { keys?: [string, string]; name?: string };
			if (data.keys) pick.current(data.keys, at);
			else if (data.name !== undefined) pick.current(key.get(data.name) ?? data.name, at);
		});
		const seen = new ResizeObserver(() => chart.resize());
		seen.observe(stage.current);
		return () => {
			seen.disconnect();
			chart.dispose();
		};
	}, [columns, dark, valueText]);

	return (
		<div className={classes.frame} style={{ height: tall }}>
			<div ref={stage} className={classes.stage} role="img" data-testid="pair-sankey" data-links={columns.links.length} aria-label={`Flow diagram of ${columns.links.length} pairs of ${what}; the table lists the same`} />
			{most < rows.length && <div className={classes.note}>the {most} largest of {rows.length} pairs</div>}
		</div>
	);
}
