// The session explorer: paging and sorting on the server, search, filters by click, columns, CSV out and in again.
import { readFileSync } from 'node:fs';
import { accessibility, field } from './browser.mjs';
import { ensure, same, until } from './check.mjs';

export const name = 'sessions';

const total = async (page) => Number((await page.getByTestId('sessions-total').textContent()).replaceAll(',', ''));
const cells = (page, column) =>
	page.getByTestId('sessions').evaluate((grid, title) => {
		const heads = [...grid.querySelectorAll('[role=columnheader]')].map((h) => h.textContent);
		const at = heads.indexOf(title);
		return [...grid.querySelectorAll('[role=row][id]')].sort((a, b) => Number(a.ariaRowIndex) - Number(b.ariaRowIndex)).map((r) => r.children[at]?.textContent ?? '');
	}, column);
const loaded = (page) => until('rows', async () => (await cells(page, 'Protocol')).some((t) => t !== ''));
const shown = async (page) => {
	await page.getByTestId('sessions-total').waitFor();
	await loaded(page);
};

export async function play(s) {
	const { page, watch } = s.admin;
	const frame = s.world.frame;
	let file;
	return s.report.scene(name, watch, [
		['lists as many as the command line counts', async () => {
			await page.goto(`/sessions?v=1&${frame.query}`);
			await shown(page);
			const { total: t } = await s.world.stat(['-grp', 'PROTO', ...frame.cli]);
			same(await total(page), t.sessions, 'sessions of the frame');
			s.report.finding(await accessibility(page), 'accessibility of the session explorer');
		}],
		['sorts on the server: the largest first', async () => {
			await page.getByRole('columnheader', { name: 'Bytes', exact: true }).getByRole('button').click();
			await until('the address to say so', () => page.url().includes('s=-bytes'));
			await shown(page);
			const objects = (await s.world.cli('ftsq', ['-j', ...frame.cli])).out.split('\n').filter(Boolean).map((l) => JSON.parse(l));
			objects.sort((a, b) => b.client_bytes + b.server_bytes - a.client_bytes - a.server_bytes);
			const wanted = objects.slice(0, 5).map((o) => String(o.client_ip));
			await until('the largest at the top', async () => JSON.stringify((await cells(page, 'Client address')).slice(0, 5)) === JSON.stringify(wanted)).catch(async () => same((await cells(page, 'Client address')).slice(0, 5), wanted, 'clients of the largest sessions'));
		}],
		['goes to any row', async () => {
			const n = await total(page);
			await field(page, 'Go to row').fill(String(n));
			await field(page, 'Go to row').press('Enter');
			await page.locator(`#session-row-${n - 1}[aria-selected=true]`).waitFor();
			await until('its fields', async () => ((await page.locator(`#session-row-${n - 1}`).textContent()) ?? '').length > 10);
		}],
		['moves by keyboard and opens a session', async () => {
			await page.getByTestId('sessions').focus();
			await page.keyboard.press('Home');
			await page.keyboard.press('ArrowDown');
			await page.locator('#session-row-1[aria-selected=true]').waitFor();
			await until('the row', async () => ((await page.locator('#session-row-1').textContent()) ?? '').length > 10);
			await page.keyboard.press('Enter');
			await page.getByRole('dialog', { name: 'Session' }).waitFor();
			await page.screenshot({ path: `${s.shots}/session-details-dark.png` });
			await page.keyboard.press('Escape');
		}],
		['a click on a value filters, and back goes back', async () => {
			const client = (await cells(page, 'Client address'))[0];
			await page.locator('#session-row-0').getByText(client, { exact: true }).first().click();
			await page.getByRole('menuitem', { name: 'Only this' }).click();
			await until('the filter in the address', () => decodeURIComponent(page.url()).includes(`CLNIP+==+${client}`));
			await shown(page);
			ensure((await cells(page, 'Client address')).filter(Boolean).every((c) => c === client), 'other clients are listed too');
			const { total: t } = await s.world.stat(['-grp', 'PROTO', ...frame.cli, '-q', `CLNIP == ${client}`]);
			same(await total(page), t.sessions, 'sessions of that client');
			await page.goBack();
			await until('the filter gone', () => !page.url().includes('CLNIP'));
		}],
		['search is a filter that the server runs', async () => {
			await field(page, 'Search sessions').fill('443 tcp');
			await field(page, 'Search sessions').press('Enter');
			const { total: t } = await s.world.stat(['-grp', 'PROTO', ...frame.cli, '-q', 'PORT == 443 && PROTO == TCP']);
			await until('their number', async () => (await page.getByTestId('sessions-total').count()) === 1 && (await total(page)) === t.sessions);
		}],
		['columns are chosen, and stay chosen', async () => {
			await page.getByRole('button', { name: 'Columns' }).click();
			await page.getByLabel('Exporter', { exact: true }).check();
			await page.keyboard.press('Escape');
			await page.getByRole('columnheader', { name: 'Exporter' }).waitFor();
			await page.waitForResponse((r) => r.url().endsWith('/op/prefs.set'), { timeout: 5000 }).catch(() => undefined);
			await page.reload();
			await page.getByRole('columnheader', { name: 'Exporter' }).waitFor();
			await shown(page);
		}],
		['sessions that cross the frame are coloured', async () => {
			const { from_us, to_us } = frame;
			const mid = new Date((to_us - 300e6) / 1000).toISOString(); // traffic is of the last ten minutes
			await page.goto(`/sessions?v=1&from=${new Date(from_us / 1000).toISOString()}&to=${mid}&s=-last_us`);
			await shown(page);
			await until('a coloured row', async () => (await page.locator('[role=row][data-cross]').count()) > 0);
			for (const scheme of ['dark', 'light']) {
				await look(page, scheme);
				await page.screenshot({ path: `${s.shots}/sessions-${scheme}.png` });
			}
			await look(page, 'dark');
		}],
		['CSV goes out', async () => {
			await page.goto(`/sessions?v=1&f=PROTO+==+UDP&${frame.query}`);
			await shown(page);
			const n = await total(page);
			const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save CSV' }).click()]);
			file = await download.path();
			const lines = readFileSync(file, 'utf8').trim().split('\n').filter((l) => !l.startsWith('Total '));
			same(lines.length - 1, n, 'lines of the file');
			ensure(lines[0].startsWith('session_id,'), `the first line is ${lines[0].slice(0, 60)}`);
		}],
		['and opens again, sorted and searched without the server', async () => {
			const n = await total(page);
			await page.locator('input[type=file]').setInputFiles({ name: 'saved.csv', mimeType: 'text/csv', buffer: readFileSync(file) });
			await page.getByText('saved.csv').waitFor();
			await until('all of it', async () => (await total(page)) === n);
			await page.getByRole('columnheader', { name: 'Server port' }).getByRole('button').click();
			await shown(page);
			const ports = (await cells(page, 'Server port')).filter(Boolean).map(Number);
			ensure(ports.every((p, i) => i === 0 || ports[i - 1] >= p), `not sorted: ${ports.slice(0, 20)}`);
			await page.getByRole('button', { name: 'Close file' }).click();
		}],
		['what is no session list is refused in words', async () => {
			await page.locator('input[type=file]').setInputFiles({ name: 'other.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') });
			await page.getByText('other.csv can’t be opened').waitFor();
		}],
	]);
}

/** dark or light: without a choice the interface looks as the system does */
export const look = (page, scheme) => page.emulateMedia({ colorScheme: scheme });
