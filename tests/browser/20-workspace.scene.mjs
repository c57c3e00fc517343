// The workspace: the same rows as ftstat, by lines and by text; time by dragging; pages; clicks; pictures of pairs; saving,
// sharing and importing.
import { readFileSync } from 'node:fs';
import { accessibility, field, pictures } from './browser.mjs';
import { ensure, same, until } from './check.mjs';
import { look } from './30-sessions.scene.mjs';

export const name = 'workspace';

const keys = (page) => page.getByTestId('view-table').locator('tbody tr').evaluateAll((rows) => rows.map((r) => [...r.querySelectorAll('button')].map((b) => b.title || b.textContent)));
const first = (list) => list.map((k) => k[0]);

export async function play(s) {
	const { page, watch } = s.admin;
	const { world } = s;
	const { frame } = world;
	const open = async (more = '') => {
		await page.goto(`/workspace?v=1&${frame.query}${more}`);
		await page.getByTestId('view-table').waitFor();
	};
	const wanted = async (args) => (await world.stat(['-r', '10', ...frame.cli, ...args])).rows.map((r) => r.key);
	// addresses stand in the table as they are: no name is given yet
	const shows = async (list, what) => {
		const text = async () => (await page.getByTestId('view-table').locator('tbody').textContent()) ?? '';
		await until(`${what}: ${list.slice(0, 3)} …`, async () => {
			const t = await text();
			return list.every((k) => t.includes(k)) && (await page.getByTestId('view-table').locator('tbody tr').count()) === list.length;
		}).catch(async () => same(first(await keys(page)), list, what));
	};
	const filterText = async (text) => {
		await page.getByRole('textbox', { name: 'Filter' }).click();
		await page.keyboard.press('Control+A');
		await page.keyboard.type(text);
		await page.keyboard.press('Escape'); // the list of completions
		await page.getByRole('button', { name: 'Apply' }).click();
	};
	let saved;
	return s.report.scene(name, watch, [
		['shows the rows of ftstat', async () => {
			await open();
			await shows(await wanted(['-grp', 'IP', '-cnt', 'BYTES']), 'hosts by bytes');
			s.report.finding(await accessibility(page), 'accessibility of the workspace');
			for (const scheme of ['light', 'dark']) {
				await look(page, scheme);
				await page.screenshot({ path: `${s.shots}/workspace-${scheme}.png` });
			}
		}],
		['a filter by text gives the rows of ftstat', async () => {
			await filterText('SRVPORT == 443 && PROTO == TCP');
			await until('the address', () => page.url().includes('SRVPORT'));
			await shows(await wanted(['-grp', 'IP', '-cnt', 'BYTES', '-q', 'SRVPORT == 443 && PROTO == TCP']), 'hosts of https');
		}],
		['a filter by lines too', async () => {
			await open();
			await page.getByRole('button', { name: 'Filter by lines' }).click();
			const box = page.getByRole('combobox', { name: 'Field' }).or(page.getByRole('textbox', { name: 'Field' })).first();
			await box.click();
			await box.fill('SRVPORT');
			await page.getByRole('option', { name: /^SRVPORT/ }).first().click();
			const values = page.getByLabel('Values of SRVPORT').first();
			await values.click();
			await values.pressSequentially('53');
			await values.press('Enter');
			await page.keyboard.press('Escape');
			await pictures(page, s.shots, 'workspace-lines');
			await page.getByRole('button', { name: 'Apply' }).click();
			await until('the address', () => page.url().includes('SRVPORT'));
			await shows(await wanted(['-grp', 'IP', '-cnt', 'BYTES', '-q', 'SRVPORT == 53']), 'hosts of DNS');
		}],
		['what can’t be read is said, and where', async () => {
			watch.expect(/status of 400/);
			await filterText('SRVPORT == ');
			await page.getByRole('alert').first().waitFor();
		}],
		['dragging in the chart zooms the time', async () => {
			await open();
			const box = await page.getByTestId('chart').boundingBox();
			ensure(box, 'there is no chart');
			await until('the chart to be drawn', async () => (await page.getByTestId('chart').locator('canvas').count()) > 0);
			const before = page.url();
			await page.mouse.move(box.x + box.width * 0.4, box.y + 120);
			await page.mouse.down();
			await page.mouse.move(box.x + box.width * 0.95, box.y + 120, { steps: 6 });
			await page.mouse.up();
			await until('another frame in the address', () => page.url() !== before);
			const q = new URL(page.url()).searchParams;
			const [from, to] = [Date.parse(q.get('from')), Date.parse(q.get('to'))];
			ensure(from > frame.from_us / 1000 && to < frame.to_us / 1000 && to > from, `zoomed to ${q.get('from')} – ${q.get('to')}`);
			const rows = (await world.stat(['-grp', 'IP', '-r', '10', '-te', q.get('from'), '-tl', q.get('to')])).rows.map((r) => r.key);
			await shows(rows, 'hosts of the dragged time');
			await page.goBack();
			await until('the frame before', () => page.url() === before);
		}],
		['the table is paged and the chart follows', async () => {
			await open();
			await shows(await wanted(['-grp', 'IP']), 'page one');
			const picture = await page.getByTestId('chart').screenshot();
			const asked = page.waitForResponse((r) => r.url().endsWith('/op/stat') && /"offset":10\b/.test(r.request().postData() ?? '') && /"slots":[1-9]/.test(r.request().postData() ?? ''));
			await page.getByRole('button', { name: 'Next page' }).click();
			await asked;
			const all = (await world.stat(['-grp', 'IP', '-r', '20', ...frame.cli])).rows.map((r) => r.key);
			await shows(all.slice(10, 20), 'page two');
			await until('another picture', async () => !picture.equals(await page.getByTestId('chart').screenshot()));
		}],
		['a click on a value filters', async () => {
			await open();
			const [top] = await wanted(['-grp', 'IP']);
			await page.getByTestId('view-table').locator('tbody').getByText(top, { exact: true }).first().click();
			await page.getByTestId('value-menu').waitFor();
			await page.screenshot({ path: `${s.shots}/value-menu-dark.png` });
			await page.getByRole('menuitem', { name: 'Only this' }).click();
			await until('the filter', () => decodeURIComponent(page.url()).includes(top));
			await shows([top], 'the host alone');
		}],
		['pairs are drawn as a graph and as a flow diagram', async () => {
			await open('&view=IPPAIR.BYTES&rows=100&type=graph');
			const graph = page.getByTestId('pair-graph');
			await graph.waitFor();
			same(Number(await graph.getAttribute('data-links')), Math.min(100, (await world.stat(['-grp', 'IPPAIR', '-r', '100', ...frame.cli])).rows.length), 'links of the graph');
			await page.waitForFunction(() => document.querySelector('[data-testid=pair-graph]')?.dataset.settled === '1');
			for (const scheme of ['light', 'dark']) {
				await look(page, scheme);
				await page.waitForFunction(() => document.querySelector('[data-testid=pair-graph]')?.dataset.settled === '1');
				await page.screenshot({ path: `${s.shots}/graph-${scheme}.png` });
			}
			await page.getByRole('radio', { name: /Sankey|[Ff]low/ }).click();
			await page.getByTestId('pair-sankey').waitFor();
			await pictures(page, s.shots, 'sankey');
			s.report.finding(await accessibility(page), 'accessibility of the pictures of pairs');
		}],
		['a workspace is saved, opened after a reload, exported and imported', async () => {
			await open('&f=SRVPORT+==+443&view=IPPAIR.BYTES&view=COUNTRY.SESSIONS');
			await page.getByRole('button', { name: 'Save this workspace' }).click();
			await field(page, 'Name').fill('https of today');
			await field(page, 'Notes').fill('what to look at first');
			await page.getByLabel('Everybody here may open it').check();
			await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
			await page.getByRole('dialog').waitFor({ state: 'hidden' });
			await page.goto('/workspace');
			await page.getByRole('button', { name: 'Workspaces' }).first().click();
			const drawer = page.getByRole('dialog', { name: 'Workspaces' });
			await drawer.getByText('https of today').waitFor();
			await pictures(page, s.shots, 'workspaces');
			await drawer.getByRole('button', { name: 'More for https of today' }).click();
			const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: /\.ws/ }).click()]);
			saved = readFileSync(await download.path());
			await drawer.getByText('https of today').click();
			await until('its address', () => page.url().includes('SRVPORT') && page.url().includes('COUNTRY.SESSIONS'));
			await page.getByRole('button', { name: 'Workspaces' }).first().click();
			await page.locator('input[type=file]').setInputFiles({ name: 'taken.ws', mimeType: 'application/json', buffer: saved });
			await until('the imported one', async () => JSON.parse((await world.api('/api/v1/op/workspaces.list', { body: {}, token: (s.token ??= await world.token('admin', world.password)) })).text).workspaces.filter((w) => w.name.startsWith('https of today')).length === 2);
		}],
		['the columns of the table are chosen, and a workspace keeps them', async () => {
			await open();
			const heads = async () => (await page.getByTestId('view-table').locator('thead th').allTextContents()).map((t) => t.replace(/[↑↓]/g, '')).slice(4);
			same((await heads()).slice(0, 2), ['Sent', 'Received'], 'columns at first');
			await page.getByRole('button', { name: 'Columns of the table' }).click();
			await page.getByRole('button', { name: 'Sent further right', exact: true }).click();
			await page.getByRole('checkbox', { name: /^Pkts sent/ }).uncheck();
			await until('the address', () => new URL(page.url()).searchParams.get('cols')?.startsWith('bytes_received,bytes_sent,packets_received'));
			same((await heads()).slice(0, 3), ['Received', 'Sent', 'Pkts received'], 'columns as chosen');
			await page.keyboard.press('Escape');
			await page.getByRole('button', { name: 'Save this workspace' }).click();
			await field(page, 'Name').fill('with columns');
			await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
			await page.getByRole('dialog').waitFor({ state: 'hidden' });
			await page.goto(`/workspace?v=1&${frame.query}&cols=sessions_accepted`);
			await until('others', async () => JSON.stringify(await heads()) === '["Accepted"]');
			await page.getByRole('button', { name: 'Workspaces' }).first().click();
			await page.getByRole('dialog', { name: 'Workspaces' }).getByText('with columns').click();
			await until('those of the workspace', async () => (await heads()).join().startsWith('Received,Sent,Pkts received'));
		}],
		['every screen is readable on a phone', async () => {
			await page.setViewportSize({ width: 390, height: 844 });
			for (const [path, shot, there] of [[`/workspace?v=1&${frame.query}`, 'workspace', '[data-drawn]'], [`/sessions?v=1&${frame.query}`, 'sessions', '[data-testid=sessions-total]'], ['/exporters', 'exporters', '[data-testid=exporters]'], ['/admin/users', 'users', '[data-testid=users]'], ['/account', 'account', 'h1'], ['/start', 'start', 'h1']]) {
				await page.goto(path);
				await page.locator(there).first().waitFor();
				await page.waitForLoadState('networkidle');
				await page.screenshot({ path: `${s.shots}/phone-${shot}.png` });
				ensure(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1), `${path} is wider than a phone`);
			}
			await page.setViewportSize({ width: 1280, height: 800 });
		}],
	]);
}
