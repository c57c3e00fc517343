// The picture of a view, by ECharts: it draws; pointing, dragging and tooltips are chart.tsx's.  Loaded apart.
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, MarkAreaComponent } from 'echarts/components';
import { init, use, type EChartsType } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import type { Picture } from './picture';

use([BarChart, LineChart, GridComponent, MarkAreaComponent, CanvasRenderer]);

function hatch(colour: string): HTMLCanvasElement {
	const c = document.createElement('canvas');
	c.width = c.height = 8;
	const g = c.getContext('2d');
	if (g) {
		g.strokeStyle = colour;
		g.lineWidth = 1;
		for (const d of [-8, 0, 8]) {
			g.moveTo(d, 8);
			g.lineTo(d + 8, 0);
			g.moveTo(d, 0);
			g.lineTo(d + 8, 8);
		}
		g.stroke();
	}
	return c;
}

export interface Drawing {
	draw: (p: Picture) => void;
	resize: () => void;
	/** pixels to time and value */
	at: (x: number, y: number) => [time: number, value: number] | null;
	/** time to pixels */
	x: (time: number) => number;
	highlight: (series: number | null) => void;
	image: (ground: string) => HTMLCanvasElement;
	dispose: () => void;
}

/** Draws something nobody sees. */
export function rehearse(): void {
	const el = document.createElement('div');
	el.style.cssText = 'position:absolute;visibility:hidden;pointer-events:none;width:800px;height:280px;left:-900px;top:0';
	document.body.append(el);
	const font = getComputedStyle(document.documentElement).getPropertyValue('--mantine-font-family') || 'sans-serif';
	const times = Array.from({ length: 120 }, (_, i) => i * 1000);
	const drawing = mount(el);
	drawing.draw({
		type: 'area',
		from: 0,
		to: 120_000,
		times,
		slots: times.map((_, i) => i),
		slotMs: 1000,
		series: Array.from({ length: 11 }, (_, row) => ({ name: String(row), row, colour: '#888888', values: times.map((t) => t * row) })),
		ticks: [0, 30_000, 60_000, 90_000].map((at) => ({ at, text: '00:00' })),
		axis: String,
		incomplete: 100_000,
		look: { dark: true, dim: '#888888', line: '#888888', hatch: '#888888', font },
	});
	drawing.dispose();
	el.remove();
}

export function mount(el: HTMLElement): Drawing {
	const chart: EChartsType = init(el, undefined, { renderer: 'canvas' });
	let lit: number | null = null;
	return {
		draw(p) {
			const line = p.type !== 'bars';
			lit = null;
			chart.setOption(
				{
					animation: false,
					textStyle: { fontFamily: p.look.font },
					grid: { left: 8, right: 14, top: 12, bottom: 4, containLabel: true },
					xAxis: {
						type: 'value',
						min: p.from,
						max: p.to,
						axisLine: { lineStyle: { color: p.look.line } },
						axisTick: { show: true, customValues: p.ticks.map((t) => t.at), lineStyle: { color: p.look.line } },
						axisLabel: {
							customValues: p.ticks.map((t) => t.at),
							formatter: (v: number) => p.ticks.find((t) => t.at === v)?.text ?? '',
							color: p.look.dim,
							fontSize: 11,
							hideOverlap: true,
						},
						splitLine: { show: false },
					},
					yAxis: {
						type: 'value',
						min: 0,
						splitNumber: 4,
						axisLabel: { formatter: p.axis, color: p.look.dim, fontSize: 11 },
						axisLine: { show: false },
						axisTick: { show: false },
						splitLine: { lineStyle: { color: p.look.line, opacity: 0.7 } },
					},
					series: p.series.map((s, i) => ({
						name: String(i),
						type: line ? 'line' : 'bar',
						stack: p.type === 'lines' ? undefined : 'all',
						data: p.times.map((t, j) => [t, s.values[j] ?? 0]),
						symbol: 'none',
						lineStyle: line ? { width: p.type === 'lines' ? 1.6 : 1, color: s.colour } : undefined,
						areaStyle: p.type === 'area' ? { color: s.colour, opacity: 0.8 } : undefined,
						itemStyle: { color: s.colour },
						barCategoryGap: '12%',
						emphasis: { focus: 'series' },
						blur: { areaStyle: { opacity: 0.18 }, lineStyle: { opacity: 0.25 }, itemStyle: { opacity: 0.25 } },
						markArea:
							i === p.series.length - 1 && p.incomplete !== null
								? { silent: true, z: 20, itemStyle: { color: { image: hatch(p.look.hatch), repeat: 'repeat' } }, data: [[{ xAxis: p.incomplete }, { xAxis: p.to }]] }
								: undefined,
					})),
				},
				{ notMerge: true },
			);
		},
		resize: () => chart.resize(),
		at(x, y) {
			const v = chart.convertFromPixel({ gridIndex: 0 }, [x, y]) as unknown as number[] | undefined;
			return v && Number.isFinite(v[0]) ? [v[0] as number, v[1] as number] : null;
		},
		x: (time) => (chart.convertToPixel({ gridIndex: 0 }, [time, 0]) as unknown as number[])[0] ?? 0,
		highlight(series) {
			if (series === lit) return;
			if (lit !== null) chart.dispatchAction({ type: 'downplay', seriesIndex: lit });
			if (series !== null) chart.dispatchAction({ type: 'highlight', seriesIndex: series });
			lit = series;
		},
		image: (ground) => chart.renderToCanvas({ pixelRatio: 2, backgroundColor: ground }),
		dispose: () => chart.dispose(),
	};
}
