// Pairs as nodes and links: which are drawn, and how big.  Pure, so that tests can hold it.

export interface PairRow {
	key: [string, string];
	/** as people read them; the keys if absent */
	label?: [string, string];
	value: number;
	/** index into the palette; links of the chart's series keep their colour */
	colour?: number;
}
export interface PairNode {
	key: string;
	label: string;
	value: number;
	links: number;
}
export interface PairLink {
	from: string;
	to: string;
	value: number;
	row: PairRow;
}

/** The `most` largest pairs, their ends added up.  Pairs of a thing with itself stay: their node gets the value once. */
export function pairNetwork(rows: PairRow[], most: number): { nodes: PairNode[]; links: PairLink[] } {
	const nodes = new Map<string, PairNode>();
	const links: PairLink[] = [];
	const add = (key: string, label: string | undefined, value: number) => {
		const n = nodes.get(key) ?? { key, label: label ?? key, value: 0, links: 0 };
		n.value += value;
		n.links++;
		nodes.set(key, n);
	};
	const largest = [...rows].filter((r) => r.value > 0).sort((a, b) => b.value - a.value).slice(0, most);
	for (const r of largest) {
		const [a, b] = r.key;
		add(a, r.label?.[0], r.value);
		if (b !== a) add(b, r.label?.[1], r.value);
		links.push({ from: a, to: b, value: r.value, row: r });
	}
	return { nodes: [...nodes.values()], links };
}

/** least to most by the square root of the share: areas, not lengths, are what eyes compare */
export function scaleSize(value: number, largest: number, least: number, most: number): number {
	if (largest <= 0) return least;
	return least + (most - least) * Math.sqrt(Math.max(0, value) / largest);
}

/**
 * For a Sankey, whose links must not run in circles: every end stands in one of two columns.  Unordered pairs have no
 * left and right of their own, so whichever end has more partners goes left - a server with its many clients stands
 * once, on one side.
 */
export function pairColumns(rows: PairRow[], most: number): { left: PairNode[]; right: PairNode[]; links: PairLink[] } {
	const { nodes, links } = pairNetwork(rows, most);
	const degree = new Map(nodes.map((n) => [n.key, n.links]));
	const labels = new Map(nodes.map((n) => [n.key, n.label]));
	const side = { left: new Map<string, PairNode>(), right: new Map<string, PairNode>() };
	const put = (where: Map<string, PairNode>, key: string, value: number) => {
		const n = where.get(key) ?? { key, label: labels.get(key) ?? key, value: 0, links: 0 };
		n.value += value;
		n.links++;
		where.set(key, n);
	};
	const out = links.map((l) => {
		const a = degree.get(l.from) ?? 0;
		const b = degree.get(l.to) ?? 0;
		const turned = b > a;
		const link = turned ? { ...l, from: l.to, to: l.from } : l;
		put(side.left, link.from, l.value);
		put(side.right, link.to, l.value);
		return link;
	});
	return { left: [...side.left.values()], right: [...side.right.values()], links: out };
}
