// Runs the scenes; the last line is `N passed, N failed`.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { missing, root, start } from './browser.mjs';
import { Report } from './check.mjs';
import { World } from './world.mjs';

const why = missing();
if (why) {
	console.log(`SKIPPED browser: ${why}`);
	process.exit(77);
}
const here = join(root, 'tests/browser');
const words = process.argv.slice(2);
const report = new Report(join(root, 'build/browser'));
let world;
let browser;
// stopped (a time limit, somebody): the instance must not stay
process.once('SIGTERM', async () => {
	console.log('FAILED browser: stopped before its end');
	await browser?.close().catch(() => undefined);
	await world?.down().catch(() => undefined);
	process.exit(1);
});
try {
	browser = await start();
	world = await World.up({ firstRun: true });
	const state = { browser, world, report, shots: join(root, 'build/browser/shots') };
	for (const file of readdirSync(here).filter((f) => f.endsWith('.scene.mjs')).sort()) {
		const { name, needed, play } = await import(join(here, file));
		if (!needed && words.length && !words.some((w) => name.includes(w))) continue;
		const going = await play(state);
		if (!going && needed) break;
	}
} catch (e) {
	report.failed++;
	console.log(`FAILED browser: ${e?.stack ?? e}`);
} finally {
	await browser?.close().catch(() => undefined);
	await world?.down().catch((e) => console.log(e.message));
}
console.log(`${report.passed} passed, ${report.failed} failed`);
process.exit(report.failed === 0 && report.passed > 0 ? 0 : 1);
