// How long people wait: from the click on "Log in" to the first chart, and for each kind of change of a view.  Figures are
// printed and written to build/browser/speed.txt, and nothing depends on them: the machine is not ours alone.  What does
// not depend on the machine is held: one question for one change, no two steps in series where one will do.
// FT_BROWSER_SESSIONS=2000000: so many sessions in the frame (nothing: those that are there anyway).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, field, person } from './browser.mjs';
import { ensure, same } from './check.mjs';

export const name = 'speed';

const LOGINS = 3;

/**
 * From act(), in the page, to the frame after the one in which the next chart was drawn: milliseconds, and what was fetched meanwhile.
 * In the page, so that the driver's own time does not count.
 */
async function timed(page, button) {
	const cdp = await page.context().newCDPSession(page);
	await cdp.send('Performance.enable');
	const cpu = async () => Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
	const before = await cpu();
	const r = await page.evaluate(async (text) => {
		const drawn = () => {
			const el = document.querySelector('[data-testid=chart] [data-drawn]');
			return el && !document.querySelector('[data-stale]') && document.querySelector('[data-testid=view-table] tbody tr') ? Number(el.dataset.drawn) : 0;
		};
		const el = [...document.querySelectorAll('button')].find((b) => !b.disabled && (b.getAttribute('aria-label') === text || b.textContent.trim() === text));
		if (!el) throw new Error(`no button ${text}`);
		const was = drawn();
		performance.clearResourceTimings();
		const begun = performance.now();
		el.click();
		await new Promise((ok, bad) => {
			const end = setTimeout(() => bad(new Error(`no new chart after ${text}`)), 30_000);
			const look = () => {
				if (drawn() === was || drawn() === 0) return requestAnimationFrame(look);
				clearTimeout(end);
				requestAnimationFrame(() => ok());
			};
			requestAnimationFrame(look);
		});
		const ended = performance.now();
		return {
			ms: ended - begun,
			fetched: performance.getEntriesByType('resource').map((e) => ({ name: new URL(e.name).pathname, at: e.startTime - begun, ms: e.duration, bytes: e.encodedBodySize, initiator: e.initiatorType })),
		};
	}, button);
	const after = await cpu();
	await cdp.detach();
	return { ...r, script: 1000 * (after.ScriptDuration - before.ScriptDuration), task: 1000 * (after.TaskDuration - before.TaskDuration) };
}
const asked = (r) => r.fetched.filter((f) => f.name.startsWith('/api/'));
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

export async function play(s) {
	const { world } = s;
	const lines = [];
	const say = (text, list) => {
		const one = list.find((r) => r.ms === median(list.map((x) => x.ms)));
		const line = `${text}: median ${Math.round(one.ms)} ms (${list.map((r) => Math.round(r.ms)).join(' ')}); main thread ${Math.round(one.task)} ms, script ${Math.round(one.script)} ms; ${asked(one).length} requests, ${asked(one).reduce((n, f) => n + f.bytes, 0)} bytes`;
		lines.push(line, ...one.fetched.map((f) => `    ${String(Math.round(f.at)).padStart(5)} ms +${String(Math.round(f.ms)).padStart(4)}  ${f.name} ${f.bytes}`));
		console.log(`    ${line}`);
	};
	let p;
	return s.report.scene(name, s.admin.watch, [
		['there are the sessions asked for', async () => {
			const wanted = Number(process.env.FT_BROWSER_SESSIONS ?? 0);
			if (wanted) await world.traffic(wanted);
			const { total, elapsed_ms, rows_scanned } = await world.stat(['-grp', 'IP', '-tn', '15m']);
			lines.push(`${total.sessions} sessions, ${rows_scanned} rows, hosts by bytes ${elapsed_ms} ms on the server`);
			console.log(`    ${lines[0]}`);
		}],
		['from login to the first chart', async () => {
			const list = [];
			for (let i = 0; i < LOGINS; i++) {
				if (p) await p.context.close();
				p = await person(s.browser, world.url);
				await p.page.goto('/');
				await field(p.page, 'User').fill('admin');
				await field(p.page, 'Password').fill(world.password);
				await p.page.waitForLoadState('networkidle'); // as long as a person types
				list.push(await timed(p.page, 'Log in'));
			}
			say('login to first chart', list);
			same(list.map((r) => asked(r).filter((f) => f.name.endsWith('/op/stat')).length), list.map(() => 1), 'views asked for at login');
			same(p.watch.taken(), [], 'the page complained');
		}],
		['each change of a view', async () => {
			const { page, watch } = p;
			const change = async (what, buttons) => {
				const list = [];
				for (const b of buttons) {
					await page.waitForLoadState('networkidle');
					list.push(await timed(page, b));
				}
				say(what, list);
				ensure(list.every((r) => asked(r).filter((f) => f.name.endsWith('/op/stat')).length === 1), `${what}: not one question for one change: ${JSON.stringify(list.map((r) => asked(r).map((f) => f.name)))}`);
			};
			const views = ['IP.BYTES', 'PORTPROTO.BYTES', 'COUNTRY.BYTES', 'APP.BYTES', 'IPPAIR.BYTES', 'IP.SESSIONS', 'IP.UNIQUE-IP'];
			await page.goto(`/workspace?v=1&from=now-15m&to=now&${views.map((v) => `view=${v}`).join('&')}`);
			await page.locator('[data-testid=chart] [data-drawn]').waitFor();
			const tabs = (await page.getByRole('group', { name: 'Views' }).locator('button[aria-current], button:not([aria-label])').allTextContents()).slice(1);
			for (const t of tabs) await change(`view ${t}`, [t]);
			await page.getByRole('button', { name: tabs[0], exact: true }).click();
			await page.goto(`/workspace?v=1&from=now-15m&to=now`);
			await page.locator('[data-testid=chart] [data-drawn]').waitFor();
			await change('next page', ['Next page', 'Next page', 'Next page']);
			await change('zoom out', ['Zoom out', 'Zoom out', 'Zoom out']);
			same(watch.taken(), [], 'the page complained');
		}],
		['the figures are kept', async () => {
			await p.context.close();
			writeFileSync(join(root, 'build/browser/speed.txt'), lines.join('\n') + '\n');
		}],
	]);
}
