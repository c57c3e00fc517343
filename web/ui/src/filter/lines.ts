// Filters as lines: field, relation, values.  All lines hold (ALL) or one of them (ANY).  Values of a line are
// alternatives; "is not a, b" excludes both.
import { parse, print, type Node } from './ast';

export type Relation = 'is' | 'not' | '<' | '<=' | '>' | '>=';
export interface Line {
	field: string;
	relation: Relation;
	values: string[];
}
export interface Lines {
	mode: 'all' | 'any';
	lines: Line[];
}

export const RELATIONS: { value: Relation; label: string; ordered: boolean }[] = [
	{ value: 'is', label: 'is', ordered: false },
	{ value: 'not', label: 'is not', ordered: false },
	{ value: '<', label: 'is less than', ordered: true },
	{ value: '<=', label: 'is at most', ordered: true },
	{ value: '>', label: 'is more than', ordered: true },
	{ value: '>=', label: 'is at least', ordered: true },
];

const FLAG = /^F(SYN|ACK|RST|FIN|PSH|URG|ECN|CWR)$/i;

function lineOf(n: Node): Line | undefined {
	switch (n.is) {
		case 'bare':
			return FLAG.test(n.field) ? { field: 'FLAGS', relation: 'is', values: [n.field.toUpperCase()] } : undefined;
		case 'test': {
			const field = n.field.includes('(') ? n.field : n.field.toUpperCase();
			if (n.op === '==' || n.op === 'in') return { field, relation: 'is', values: n.values };
			if (n.op === '!=' || n.op === 'not in') return { field, relation: 'not', values: n.values };
			return { field, relation: n.op as Relation, values: n.values };
		}
		case 'not': {
			const l = lineOf(n.item);
			if (l?.relation === 'is') return { ...l, relation: 'not' };
			// !(A != 1 && A != 2) is too clever for a line
			return undefined;
		}
		case 'xor':
			return undefined;
		default: {
			// (A == 1 || A == 2) is one line, as is (A != 1 && A != 2)
			const relation: Relation = n.is === 'or' ? 'is' : 'not';
			const all = n.items.map(lineOf);
			const first = all[0];
			if (!first || all.some((l) => !l || l.field !== first.field || l.relation !== relation)) return undefined;
			return { field: first.field, relation, values: all.flatMap((l) => l?.values ?? []) };
		}
	}
}

/** undefined: this filter has no such form, it is raw */
export function toLines(text: string, mode: 'all' | 'any' = 'all'): Lines | undefined {
	const n = parse(text);
	if (n === undefined) return undefined;
	if (n === null) return { mode, lines: [] };
	const single = lineOf(n);
	if (single) return { mode, lines: [single] };
	if (n.is !== 'and' && n.is !== 'or') return undefined;
	const lines = n.items.map(lineOf);
	if (lines.some((l) => l === undefined)) return undefined;
	return { mode: n.is === 'and' ? 'all' : 'any', lines: lines as Line[] };
}

function nodeOf(l: Line): Node | null {
	const values = l.values.filter((v) => v.trim() !== '');
	if (l.field === '' || values.length === 0) return null;
	const op = l.relation === 'is' ? '==' : l.relation === 'not' ? '!=' : l.relation;
	const tests = values.map((v): Node => ({ is: 'test', field: l.field, op, values: [v] }));
	if (tests.length === 1) return tests[0] as Node;
	return { is: l.relation === 'not' ? 'and' : 'or', items: tests };
}

/** Lines that are not complete yet are left out. */
export function fromLines({ mode, lines }: Lines): string {
	const nodes = lines.map(nodeOf).filter((n) => n !== null);
	if (nodes.length === 0) return '';
	if (nodes.length === 1) return print(nodes[0] as Node);
	return print({ is: mode === 'all' ? 'and' : 'or', items: nodes });
}

/** The filter narrowed by one more test.  Excluded values of a field gather in one line. */
export function narrowed(text: string, field: string, value: string, exclude: boolean): string {
	const lines = toLines(text);
	if (lines && (lines.mode === 'all' || lines.lines.length < 2)) {
		const next = lines.lines.map((l) => ({ ...l, values: [...l.values] }));
		const same = next.find((l) => l.field === field && l.relation === (exclude ? 'not' : 'is') && (exclude || l.values.length === 1));
		if (same?.values.includes(value)) return text;
		if (exclude && same) same.values.push(value);
		else next.push({ field, relation: exclude ? 'not' : 'is', values: [value] });
		return fromLines({ mode: 'all', lines: next });
	}
	const test = print({ is: 'test', field, op: exclude ? '!=' : '==', values: [value] });
	return text.trim() === '' ? test : `(${text.trim()}) && ${test}`;
}
