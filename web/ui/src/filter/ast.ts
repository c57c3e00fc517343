// A filter as a tree, from its text and back.  The text is the truth (it is what the server gets); lines are a face of it
// for those filters that have the form of lines.  What does not parse stays text.
import type { SyntaxNode } from '@lezer/common';
import { parser } from './parser.gen';

export type Node =
	| { is: 'and' | 'or' | 'xor'; items: Node[] }
	| { is: 'not'; item: Node }
	| { is: 'test'; field: string; op: string; values: string[] }
	| { is: 'bare'; field: string };

function unquoted(text: string): string {
	return /^".*"$|^'.*'$/s.test(text) ? text.slice(1, -1) : text;
}

function convert(n: SyntaxNode, text: string): Node {
	const kids = (): SyntaxNode[] => {
		const list: SyntaxNode[] = [];
		for (let k = n.firstChild; k; k = k.nextSibling) if (!/^[(),]$/.test(k.name)) list.push(k);
		return list;
	};
	const of = (k: SyntaxNode): string => text.slice(k.from, k.to);
	switch (n.name) {
		case 'And':
		case 'Or':
		case 'Xor': {
			const is = n.name.toLowerCase() as 'and' | 'or' | 'xor';
			const sides = kids().filter((k) => !/Op$|Word$/.test(k.name));
			const items: Node[] = [];
			for (const s of sides) {
				const c = convert(s, text);
				// a && b && c is one group; (a && b) && c keeps what was written
				if (s.name === n.name && c.is === is) items.push(...c.items);
				else items.push(c);
			}
			return { is, items };
		}
		case 'Not':
			return { is: 'not', item: convert(n.lastChild as SyntaxNode, text) };
		case 'Parens':
			return convert(kids()[0] as SyntaxNode, text);
		default: {
			const list = kids();
			const field = of(list[0] as SyntaxNode);
			if (list.length === 1) return { is: 'bare', field };
			const op = list.find((k) => k.name === 'CompareOp');
			if (op) return { is: 'test', field, op: of(op) === '=' ? '==' : of(op), values: [unquoted(of(list[list.length - 1] as SyntaxNode))] };
			const values = (n.getChild('List')?.getChildren('Value') ?? []).map((v) => unquoted(of(v)));
			return { is: 'test', field, op: list.some((k) => k.name === 'NotWord') ? 'not in' : 'in', values };
		}
	}
}

/** null: no filter; undefined: it does not parse */
export function parse(text: string): Node | null | undefined {
	if (text.trim() === '') return null;
	const tree = parser.parse(text);
	let bad = false;
	tree.iterate({ enter: (n) => void (bad ||= n.type.isError) });
	const first = tree.topNode.firstChild;
	if (bad || !first) return undefined;
	return convert(first, text);
}

export function quoted(value: string): string {
	if (value !== '' && !/[ \t\r\n()!=<>&|^,"']/.test(value) && !/^(and|or|xor|not|in)$/i.test(value)) return value;
	return value.includes('"') ? `'${value}'` : `"${value}"`;
}

const SIGN = { and: ' && ', or: ' || ', xor: ' ^| ' };

/** In the manual's form. */
export function print(n: Node | null): string {
	if (n === null) return '';
	switch (n.is) {
		case 'bare':
			return n.field;
		case 'test':
			if (n.op === 'in' || n.op === 'not in') return `${n.field} ${n.op} (${n.values.map(quoted).join(', ')})`;
			return `${n.field} ${n.op} ${quoted(n.values[0] ?? '')}`;
		case 'not':
			return `!(${print(n.item)})`;
		default:
			return n.items.map((i) => (i.is === 'and' || i.is === 'or' || i.is === 'xor' ? `(${print(i)})` : print(i))).join(SIGN[n.is]);
	}
}
