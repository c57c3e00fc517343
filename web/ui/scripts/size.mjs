// What a browser loads for the login and the first workspace, compressed; more than the bound fails the build.
// The manifest tells which chunks belong to it: the entry and what it imports, and the screens named here with theirs.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BOUND = 550 * 1024;
const FIRST = ['index.html', 'src/workspace/screen.tsx', 'src/workspace/chart_draw.ts', 'src/filter/editor_view.ts'];
const root = process.env.WEB_OUT ?? '../../build/web';
const manifest = JSON.parse(readFileSync(join(root, '.vite/manifest.json'), 'utf8'));
const seen = new Set();
const files = new Set();
function visit(key) {
	if (seen.has(key) || !manifest[key]) return;
	seen.add(key);
	files.add(manifest[key].file);
	for (const css of manifest[key].css ?? []) files.add(css);
	for (const one of manifest[key].imports ?? []) visit(one);
}
FIRST.forEach(visit);
const sizes = [...files].map((f) => [f, statSync(join(root, f + '.br')).size]);
const total = sizes.reduce((sum, [, n]) => sum + n, 0);
if (process.argv.includes('-v')) for (const [f, n] of sizes.sort((a, b) => b[1] - a[1])) console.log(`${String(n).padStart(8)} ${f}`);
console.log(`first load ${(total / 1024).toFixed(0)} KiB of ${BOUND / 1024} (brotli)`);
if (total > BOUND) {
	console.error('the first load is too large: load something lazily (node scripts/size.mjs -v lists the files)');
	process.exit(1);
}
