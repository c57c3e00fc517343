// Traffic groups as text: NAME = block, block …
export interface TrafficGroup {
	name: string;
	blocks: string[];
}

export const groupText = (groups: TrafficGroup[]): string => groups.map((g) => `${g.name} = ${g.blocks.join(', ')}`).join('\n');

export function groupLines(text: string): { groups: TrafficGroup[]; problem: string | null } {
	const groups: TrafficGroup[] = [];
	const lines = text.split('\n');
	for (let i = 0; i < lines.length; i++) {
		const line = (lines[i] ?? '').trim();
		if (line === '' || line.startsWith('#')) continue;
		const eq = line.indexOf('=');
		const wrong = (what: string) => ({ groups, problem: `Line ${i + 1}: ${what}` });
		if (eq < 0) return wrong('expected NAME = block, block …');
		const name = line.slice(0, eq).trim();
		const blocks = line.slice(eq + 1).split(/[\s,]+/).filter((b) => b !== '');
		if (name === '') return wrong('the name is missing');
		if (blocks.length === 0) return wrong(`${name} has no address block`);
		const odd = blocks.find((b) => !/^[0-9a-f.:]+(\/\d{1,3})?$/i.test(b));
		if (odd !== undefined) return wrong(`“${odd}” is no address block; expected 10.1.0.0/16 or 2001:db8::/32`);
		groups.push({ name, blocks });
	}
	return { groups, problem: null };
}
