import { describe, expect, it } from 'vitest';
import { pairColumns, pairNetwork, scaleSize, type PairRow } from './layout';

const rows: PairRow[] = [
	{ key: ['a', 'b'], value: 10 },
	{ key: ['a', 'c'], value: 5 },
	{ key: ['b', 'c'], value: 1 },
	{ key: ['a', 'a'], value: 2 },
	{ key: ['x', 'y'], value: 0 },
];

describe('pairs as a network', () => {
	it('adds up ends and leaves out what is nothing', () => {
		const n = pairNetwork(rows, 10);
		expect(n.links.length).toBe(4);
		expect(n.nodes.find((x) => x.key === 'a')).toMatchObject({ value: 17, links: 3 });
		expect(n.nodes.map((x) => x.key).sort()).toEqual(['a', 'b', 'c']);
	});
	it('draws the largest', () => expect(pairNetwork(rows, 1).links).toMatchObject([{ from: 'a', to: 'b' }]));
	it('compares by area', () => expect([scaleSize(100, 100, 2, 12), scaleSize(25, 100, 2, 12), scaleSize(0, 0, 2, 12)]).toEqual([12, 7, 2]));
});

describe('pairs as two columns', () => {
	it('never runs in circles', () => {
		const c = pairColumns(rows, 10);
		for (const l of c.links) {
			expect(c.left.some((n) => n.key === l.from)).toBe(true);
			expect(c.right.some((n) => n.key === l.to)).toBe(true);
		}
	});
	it('puts the end with more partners left', () => {
		const star = pairColumns([{ key: ['a', 's'], value: 1 }, { key: ['b', 's'], value: 1 }, { key: ['c', 's'], value: 1 }], 10);
		expect(star.left.map((n) => n.key)).toEqual(['s']);
		expect(star.right.length).toBe(3);
	});
});
