// Strings that people and devices store are text, wherever they are shown.
import { ensure, same, until } from './check.mjs';
import { login, person } from './browser.mjs';
import { parts } from './40-admin.scene.mjs';
import { tell } from './wire.mjs';

export const name = 'stored strings';

const EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}';
// what devices call things: names of the wire are cut at 63 bytes
const WIRE = { app: '<img src=x onerror=alert(4)>app', inside: '"><svg onload=alert(5)>lan', outside: "'><script>alert(6)</script>wan" };

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
		same(await page.evaluate(() => document.querySelectorAll('img[src="x"], svg[onload], script:not([src])').length), 0, 'a stored string became part of the page');
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
		['so are names that come with the flows: of applications and interfaces', async () => {
			const client = '10.77.0.1';
			await tell(world.base + 2, { from: '127.0.1.9', client, ...WIRE });
			await until('the flow', async () => (await world.stat(['-grp', 'PROTO', '-tn', '1h', '-q', `ADDR == ${client}`])).total.sessions === 1);
			const device = EVIL.replace('alert(1)', 'alert(7)').slice(0, 63);
			await made('exporters.set', { exporter: '127.0.1.9', name: device });
			const here = `from=now-1h&to=now&f=ADDR+==+${client}`;
			const shows = async (text, where) => {
				await until(`${text} in ${where}`, async () => (await page.getByRole('main').textContent()).includes(text));
				await harmless();
			};
			for (const [view, text] of [['APP', WIRE.app], ['EXPIF', WIRE.inside], ['IF', WIRE.inside], ['EXPORTER', device]]) {
				await page.goto(`/workspace?v=1&${here}&view=${view}.BYTES`);
				await shows(text, `the view of ${view}`);
				const chart = page.getByTestId('chart');
				await chart.locator('[data-drawn]').waitFor();
				const box = await chart.boundingBox();
				await page.mouse.move(box.x + box.width - 40, box.y + box.height / 2); // its tooltip
				await page.getByTestId('view-table').getByRole('button', { name: text }).first().click();
				await page.getByTestId('value-menu').waitFor();
				await harmless();
				await page.keyboard.press('Escape');
			}
			// the filter made of it finds it again: quoting holds
			await page.goto(`/workspace?v=1&${here}&view=APP.BYTES`);
			await page.getByTestId('view-table').getByRole('button', { name: WIRE.app }).click();
			await page.getByRole('menuitem', { name: 'Only this' }).click();
			await until('the filter', () => new URL(page.url()).searchParams.get('f').includes(WIRE.app));
			await shows(WIRE.app, 'the view of it alone');
			await page.screenshot({ path: `${s.shots}/wire-names-dark.png` });
			await page.goto(`/sessions?v=1&${here}`);
			await page.getByTestId('sessions-total').waitFor();
			await page.getByTestId('sessions').focus();
			await page.keyboard.press('Home');
			await page.locator('#session-row-0[aria-selected=true]').waitFor();
			await page.keyboard.press('Enter');
			await page.getByRole('dialog', { name: 'Session' }).getByText(WIRE.app).first().waitFor();
			await harmless();
			await page.keyboard.press('Escape');
			// completion, by lines and by text, and the list of an exporter's interfaces
			await page.goto(`/workspace?v=1&${here}&exp=127.0.1.9`);
			await page.locator('.cm-content').click(); // the editor itself, not the plain box before it
			await page.keyboard.press('Control+A');
			await page.keyboard.type('APP == ');
			await page.keyboard.press('Alt+/');
			await page.locator('.cm-tooltip-autocomplete').getByText(WIRE.app).first().waitFor();
			await harmless();
			await page.keyboard.press('Escape');
			await page.getByRole('combobox', { name: 'Interface' }).or(page.getByRole('textbox', { name: 'Interface' })).first().click();
			await page.getByRole('option', { name: WIRE.inside }).waitFor();
			await harmless();
			await page.keyboard.press('Escape');
			await page.goto('/exporters');
			await page.getByTestId('exporters').getByText(device).first().click();
			const dialog = page.getByRole('dialog');
			await dialog.waitFor();
			await until('its interfaces', async () => ((await dialog.textContent()) ?? '').includes(WIRE.outside));
			await harmless();
			ensure(watch.noise.length === 0, `the page complained: ${watch.noise}`);
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
