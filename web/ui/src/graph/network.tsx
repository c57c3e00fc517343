// The connection graph: sigma draws (WebGL), graphology holds, ForceAtlas2 lays out - a few steps a frame on the page's
// own thread, since the content security policy has no room for workers made of text, and a few hundred nodes need none.
import { ActionIcon, Slider, useComputedColorScheme } from '@mantine/core';
import { IconDownload, IconFocusCentered, IconMinus, IconPlus, IconRefresh } from '@tabler/icons-react';
import Graph from 'graphology';
import forceAtlas2 from 'graphology-layout-forceatlas2';
import { useEffect, useMemo, useRef, useState } from 'react';
import Sigma from 'sigma';
import { Tooltip } from '@/shell/tip';
import { colour } from '@/words/palette';
import { Empty } from '@/shell/parts';
import { pairNetwork, scaleSize, type PairLink, type PairNode } from './layout';
import type { PairProps } from './index';
import PairSankey from './sankey';
import classes from './graph.module.css';

const STEPS = 160;
const AFRAME = 4;

function hasWebGl(): boolean {
	const canvas = document.createElement('canvas');
	return !!(canvas.getContext('webgl2') ?? canvas.getContext('webgl'));
}

interface Look {
	text: string;
	dim: string;
	panel: string;
}
function look(dark: boolean): Look {
	return dark ? { text: '#dbe1e6', dim: '#2f3841', panel: '#1c2229' } : { text: '#1c242b', dim: '#dde2e6', panel: '#ffffff' };
}

/** angle of a name, so that the same nodes always start at the same places */
function turn(key: string): number {
	let h = 2166136261;
	for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 16777619);
	return ((h >>> 0) / 2 ** 32) * 2 * Math.PI;
}

function build(nodes: PairNode[], links: PairLink[], dark: boolean, before: Graph | null): Graph {
	const graph = new Graph({ multi: true, type: 'undirected' });
	const largest = nodes.reduce((m, n) => Math.max(m, n.value), 0);
	const widest = links.reduce((m, l) => Math.max(m, l.value), 0);
	nodes.forEach((n, i) => {
		const was = before?.hasNode(n.key) ? before.getNodeAttributes(n.key) : null;
		const radius = 1 + (i % 7) / 7;
		graph.addNode(n.key, {
			x: (was?.x as number | undefined) ?? Math.cos(turn(n.key)) * radius,
			y: (was?.y as number | undefined) ?? Math.sin(turn(n.key)) * radius,
			size: scaleSize(n.value, largest, 3, 20),
			label: n.label,
			value: n.value,
			color: colour(n.links > 1 ? 0 : 2, dark),
		});
	});
	links.forEach((l) => {
		if (l.from === l.to) return;
		graph.addEdge(l.from, l.to, { size: scaleSize(l.value, widest, 0.7, 7), value: l.value, keys: l.row.key, color: colour(l.row.colour ?? 0, dark) + '99' });
	});
	return graph;
}

export default function Network({ rows, valueText, onPick, height = 420, what = 'ends' }: PairProps) {
	const stage = useRef<HTMLDivElement>(null);
	const sigma = useRef<Sigma | null>(null);
	const graphRef = useRef<Graph | null>(null);
	const hover = useRef<string | null>(null);
	const pick = useRef(onPick);
	pick.current = onPick;
	const words = useRef(valueText);
	words.current = valueText;
	const dark = useComputedColorScheme('dark') === 'dark';
	const [webgl] = useState(hasWebGl);
	const [most, setMost] = useState(Math.min(100, rows.length));
	const [again, setAgain] = useState(0);
	const [said, setSaid] = useState('');
	const shown = Math.min(Math.max(most, 1), rows.length);
	const network = useMemo(() => pairNetwork(rows, shown), [rows, shown]);

	useEffect(() => {
		const element = stage.current;
		if (!element || !webgl) return;
		const colours = look(dark);
		const graph = build(network.nodes, network.links, dark, again ? null : graphRef.current);
		const known = graphRef.current !== null && !again;
		graphRef.current = graph;
		const s = new Sigma(graph, element, {
			allowInvalidContainer: true,
			labelColor: { color: colours.text },
			labelFont: 'Inter, system-ui, sans-serif',
			labelSize: 12,
			labelRenderedSizeThreshold: 5,
			labelDensity: 0.5,
			labelGridCellSize: 130,
			enableEdgeEvents: true,
			minCameraRatio: 0.05,
			maxCameraRatio: 4,
			stagePadding: 40,
			defaultDrawNodeHover: (context, data, settings) => {
				const size = settings.labelSize;
				context.font = `600 ${size}px ${settings.labelFont}`;
				const width = context.measureText(data.label ?? '').width;
				context.fillStyle = colours.panel;
				context.strokeStyle = data.color;
				context.beginPath();
				context.roundRect(data.x + data.size, data.y - size / 2 - 5, width + 14, size + 10, 4);
				context.fill();
				context.stroke();
				context.beginPath();
				context.arc(data.x, data.y, data.size + 2, 0, 2 * Math.PI);
				context.stroke();
				context.fillStyle = colours.text;
				context.fillText(data.label ?? '', data.x + data.size + 7, data.y + size / 3);
			},
			nodeReducer: (node, data) => {
				const h = hover.current;
				if (!h || h === node || (graph.hasNode(h) && graph.areNeighbors(h, node))) return h === node ? { ...data, highlighted: true, zIndex: 1 } : data;
				return { ...data, color: colours.dim, label: '' };
			},
			edgeReducer: (edge, data) => (hover.current && !graph.hasExtremity(edge, hover.current) ? { ...data, color: colours.dim } : data),
		});
		sigma.current = s;

		const name = (n: string) => String(graph.getNodeAttribute(n, 'label'));
		s.on('enterNode', ({ node }) => {
			hover.current = node;
			element.style.cursor = 'pointer';
			setSaid(`${name(node)} · ${words.current(Number(graph.getNodeAttribute(node, 'value')))} · ${graph.degree(node)} ${graph.degree(node) === 1 ? 'link' : 'links'}`);
			s.refresh({ skipIndexation: true });
		});
		const leave = () => {
			hover.current = null;
			element.style.cursor = '';
			setSaid('');
			s.refresh({ skipIndexation: true });
		};
		s.on('leaveNode', leave);
		s.on('enterEdge', ({ edge }) => {
			element.style.cursor = 'pointer';
			setSaid(`${name(graph.source(edge))} – ${name(graph.target(edge))} · ${words.current(Number(graph.getEdgeAttribute(edge, 'value')))}`);
		});
		s.on('leaveEdge', leave);

		// drag a node; a press without a move is a click
		let dragged: string | null = null;
		let moved = false;
		const at = (e: { x: number; y: number }) => {
			const r = element.getBoundingClientRect();
			return { x: r.left + e.x, y: r.top + e.y };
		};
		s.on('downNode', ({ node }) => {
			dragged = node;
			moved = false;
			if (!s.getCustomBBox()) s.setCustomBBox(s.getBBox());
		});
		s.getMouseCaptor().on('mousemovebody', (e) => {
			if (!dragged) return;
			const p = s.viewportToGraph(e);
			graph.mergeNodeAttributes(dragged, { x: p.x, y: p.y, fixed: true });
			moved = true;
			e.preventSigmaDefault();
			e.original.preventDefault();
			e.original.stopPropagation();
		});
		s.getMouseCaptor().on('mouseup', () => (dragged = null));
		s.on('clickNode', ({ node, event }) => {
			if (!moved) pick.current(node, at(event));
			moved = false;
		});
		s.on('clickEdge', ({ edge, event }) => pick.current(graph.getEdgeAttribute(edge, 'keys') as [string, string], at(event)));

		const settings = { ...forceAtlas2.inferSettings(graph), gravity: 1.2, adjustSizes: false };
		let step = 0;
		let frame = 0;
		const limit = known ? STEPS / 4 : STEPS;
		const tick = () => {
			if (graph.order > 1 && !dragged) forceAtlas2.assign(graph, { iterations: AFRAME, settings });
			step += AFRAME;
			if (step < limit) frame = requestAnimationFrame(tick);
			else element.dataset.settled = '1';
		};
		delete element.dataset.settled;
		frame = requestAnimationFrame(tick);
		return () => {
			cancelAnimationFrame(frame);
			s.kill();
			sigma.current = null;
		};
	}, [network, dark, webgl, again]);

	const zoom = (factor: number) => {
		const camera = sigma.current?.getCamera();
		if (camera) void camera.animate({ ratio: camera.ratio * factor }, { duration: 150 });
	};
	const save = () => {
		const s = sigma.current;
		if (!s || !stage.current) return;
		const { width, height: tall } = s.getDimensions();
		const density = window.devicePixelRatio || 1;
		const canvas = document.createElement('canvas');
		canvas.width = width * density;
		canvas.height = tall * density;
		const context = canvas.getContext('2d');
		if (!context) return;
		context.fillStyle = dark ? '#171c22' : '#ffffff';
		context.fillRect(0, 0, canvas.width, canvas.height);
		s.refresh(); // WebGL keeps a picture only until it was shown
		for (const layer of stage.current.querySelectorAll('canvas')) context.drawImage(layer, 0, 0, canvas.width, canvas.height);
		canvas.toBlob((blob) => {
			if (!blob) return;
			const a = document.createElement('a');
			a.href = URL.createObjectURL(blob);
			a.download = 'flowtrove-graph.png';
			a.click();
			URL.revokeObjectURL(a.href);
		});
	};

	if (!webgl)
		return (
			<>
				<Empty title="This browser can’t draw the graph">It has no WebGL. The same pairs as a flow diagram:</Empty>
				<PairSankey rows={rows} valueText={valueText} onPick={onPick} height={height} what={what} />
			</>
		);
	return (
		<div className={classes.frame} style={{ height }}>
			<div ref={stage} className={classes.stage} role="img" data-testid="pair-graph" data-nodes={network.nodes.length} data-links={network.links.length} aria-label={`Connection graph of ${network.nodes.length} ${what} and ${network.links.length} links; the table lists the same`} />
			{said !== '' && <div className={classes.said}>{said}</div>}
			<div className={`${classes.tools} no-print`}>
				<Tool label="Zoom in" run={() => zoom(0.7)} icon={IconPlus} />
				<Tool label="Zoom out" run={() => zoom(1.4)} icon={IconMinus} />
				<Tool label="Show all" run={() => void sigma.current?.getCamera().animatedReset({ duration: 200 })} icon={IconFocusCentered} />
				<Tool label="Lay out anew" run={() => setAgain((n) => n + 1)} icon={IconRefresh} />
				<Tool label="Save as PNG" run={save} icon={IconDownload} />
			</div>
			{rows.length > 10 && (
				<div className={`${classes.most} no-print`}>
					{shown === rows.length ? `all ${rows.length} pairs` : `the ${shown} largest of ${rows.length} pairs`}
					<Slider size="sm" min={1} max={rows.length} value={shown} onChange={setMost} label={null} thumbLabel="Pairs drawn" />
				</div>
			)}
		</div>
	);
}

function Tool({ label, run, icon: Icon }: { label: string; run: () => void; icon: typeof IconPlus }) {
	return (
		<Tooltip label={label}>
			<ActionIcon size="md" aria-label={label} onClick={run}>
				<Icon size={16} stroke={1.7} />
			</ActionIcon>
		</Tooltip>
	);
}
