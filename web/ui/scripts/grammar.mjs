// Builds src/filter/parser.gen.ts from src/filter/filter.grammar (Lezer).
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildParserFile } from '@lezer/generator';

const dir = join(dirname(fileURLToPath(import.meta.url)), '../src/filter');
const { parser, terms } = buildParserFile(readFileSync(join(dir, 'filter.grammar'), 'utf8'), {
	fileName: 'filter.grammar',
	moduleStyle: 'es',
	typeScript: true,
	warn: (m) => {
		throw new Error(m);
	},
});
const write = (file, text) => {
	if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
};
write(join(dir, 'parser.gen.ts'), parser.replace('./parser.terms', './terms.gen'));
write(join(dir, 'terms.gen.ts'), terms);
