// Strings that people and devices store are text, wherever they are shown.
import { same, until } from './check.mjs';
import { login, person } from './browser.mjs';
import { parts } from './40-admin.scene.mjs';

export const name = 'stored strings';

const EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}';

export async function play(s) {
	const { page, watch } = s.admin;
	const { world } = s;
	const made = async (op, body) => {
		const r = await world.api(`/api/v1/op/${op}`, { body, token: s.token });
		same(r.status, 200, `${op} ${r.text}`);
		return JSON.parse(r.text);
	};
	// a script that ran, or an image that was loaded, is seen by the watch (dialog, refused load, console)
	const harmless = async () => {
		await page.waitForLoadState('networkidle');
		same(await page.evaluate(() => document.querySelectorAll('img[src="x"], script:not([src])').length), 0, 'a stored string became part of the page');
	};
	return s.report.scene(name, watch, [
		['are kept', async () => {
			s.token = await world.token('admin', world.password);
			await made('exporters.set', { exporter: '127.0.1.1', name: EVIL.slice(0, 63), tags: '<b>tag</b>' });
			await made('names.set', { kind: 'address', key: s.joe.address, name: EVIL, for: 'all' });
			await made('workspaces.save', { name: EVIL, description: EVIL, notes: EVIL, icon: 'x', share: 'all', state: { v: 1, filter: '', last: '1h', views: [{ entity: 'IP', count: 'BYTES', direction: 'total' }] } });
			await made('tokens.add', { name: EVIL.slice(0, 64) });
			await made('users.add', { name: 'onerror=alert(3) "x"', password: 'a pass phrase of theirs' });
		}],
		['and are shown as text in the administration', async () => {
			for (const path of [...parts.map(([p]) => `/admin/${p}`), '/exporters', '/account']) {
				await page.goto(path);
				await page.getByRole('heading', { level: 1 }).first().waitFor();
				await harmless();
			}
		}],
		['in the workspace, its pictures and lists', async () => {
			for (const view of ['IP.BYTES', 'IPPAIR.BYTES&type=graph', 'IPPAIR.BYTES&type=sankey', 'EXPORTER.BYTES']) {
				await page.goto(`/workspace?v=1&${world.frame.query}&view=${view}&rows=100`);
				await page.getByRole('main').waitFor();
				await harmless();
			}
			await page.goto(`/sessions?v=1&${world.frame.query}`);
			await page.getByTestId('sessions-total').waitFor();
			await harmless();
		}],
		['and for whoever is called like that', async () => {
			const p = await person(s.browser, world.url);
			await login(p.page, 'onerror=alert(3) "x"', 'a pass phrase of theirs');
			await until('the interface', async () => (await p.page.getByRole('main').count()) === 1 && !p.page.url().endsWith('/'));
			await p.page.goto('/account');
			await p.page.getByRole('heading', { name: 'Your account' }).waitFor();
			same(p.watch.taken(), [], 'the page complained');
			await p.context.close();
		}],
	]);
}
