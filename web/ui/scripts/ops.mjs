// Writes src/api/ops.gen.ts: TypeScript types of every operation's request and reply, from docs/protocol/*.json.  The
// members of the envelope (v, id, op, auth, ok) are the gateway's business and left out, as are progress and errors.
import { readdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const protocol = join(here, '../../../docs/protocol');
const out = join(here, '../src/api/ops.gen.ts');
const ENVELOPE = new Set(['v', 'id', 'op', 'auth', 'ok', 'progress', 'more']);

function type(s, indent) {
	if (s.anyOf || s.oneOf) return [...new Set((s.anyOf ?? s.oneOf).map((x) => type(x, indent)))].join(' | ');
	if ('const' in s) return JSON.stringify(s.const);
	if (s.enum) return s.enum.map((x) => JSON.stringify(x)).join(' | ');
	if (Array.isArray(s.type)) return s.type.map((t) => type({ ...s, type: t }, indent)).join(' | ');
	switch (s.type) {
		case 'string':
			return 'string';
		case 'integer':
		case 'number':
			return 'number';
		case 'boolean':
			return 'boolean';
		case 'null':
			return 'null';
		case 'array':
			return s.items ? `(${type(s.items, indent)})[]` : 'unknown[]';
		case 'object':
			return object(s, indent, new Set());
	}
	return 'unknown';
}

function object(s, indent, skip) {
	const props = Object.entries(s.properties ?? {}).filter(([k]) => !skip.has(k));
	const more = s.additionalProperties;
	if (props.length === 0)
		return more && typeof more === 'object' ? `Record<string, ${type(more, indent)}>` : more === false || skip.size ? '{}' : 'Record<string, unknown>';
	const must = new Set(s.required ?? []);
	const inner = indent + '\t';
	const lines = props.map(([k, v]) => {
		const name = /^[a-z_][a-z0-9_]*$/i.test(k) ? k : JSON.stringify(k);
		const help = v.description ? `${inner}/** ${v.description.replaceAll('*/', '* /')} */\n` : '';
		return `${help}${inner}${name}${must.has(k) ? '' : '?'}: ${type(v, inner)};`;
	});
	return `{\n${lines.join('\n')}\n${indent}}`;
}

// the one reply that is neither an error, progress nor a keepalive
function reply(schema) {
	const all = schema.anyOf ?? [schema];
	const good = all.filter((r) => {
		const p = r.properties ?? {};
		return p.ok?.const !== false && !p.progress && !p.keepalive && !p.payload;
	});
	return good.length ? good.map((r) => object(r, '\t', ENVELOPE)).join(' | ') : '{}';
}

const rows = readdirSync(protocol)
	.filter((f) => f.endsWith('.json'))
	.sort()
	.map((f) => {
		const schema = JSON.parse(readFileSync(join(protocol, f), 'utf8'));
		return `\t/** ${schema.description ?? ''} */\n\t'${f.slice(0, -5)}': {\n\t\trequest: ${object(schema.$defs.request, '\t\t', ENVELOPE)};\n\t\treply: ${reply(schema.$defs.reply).replaceAll('\n', '\n\t')};\n\t};`;
	});
const text = `// Written by scripts/ops.mjs from docs/protocol; don't edit.\nexport interface Operations {\n${rows.join('\n')}\n}\n`;
if (!existsSync(out) || readFileSync(out, 'utf8') !== text) writeFileSync(out, text);
