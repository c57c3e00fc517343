// The administration: every part opens, users are made with a preview of what they would see, names and groups are kept.
import { accessibility, field, pictures } from './browser.mjs';
import { ensure, same, until } from './check.mjs';
import { look } from './30-sessions.scene.mjs';

export const name = 'administration';
export const needed = true;
export const JOE = { name: 'joe of the office', password: 'joes own pass phrase' };

export const parts = [
	['users', 'Users'], ['groups', 'Traffic groups'], ['names', 'Friendly names'], ['tokens', 'Tokens'], ['storage', 'Sizes and memory'], ['switches', 'sFlow switches'], ['audit', 'Audit log'],
];

export async function play(s) {
	const { page, watch } = s.admin;
	return s.report.scene(name, watch, [
		['a user filter shows what its user would see while it is written', async () => {
			// one client that has sessions: what joe may see
			const view = await s.world.stat(['-grp', 'IP', '-cnt', 'SESSIONS', '-snd', '-r', '3', ...s.world.frame.cli]);
			s.joe = { ...JOE, address: view.rows[0].key, filter: `ADDR == ${view.rows[0].key}` };
			await page.goto('/admin/users');
			await page.getByRole('button', { name: 'Add a user' }).click();
			await field(page, 'Name').fill(JOE.name);
			await field(page, 'Password').fill(JOE.password);
			await field(page, 'User filter').fill('ADDR == ');
			await page.getByRole('dialog').getByText('The filter can’t be read').waitFor();
			watch.expect(/status of 400/);
			watch.taken();
			await field(page, 'User filter').fill(s.joe.filter);
			const wanted = (await s.world.stat(['-grp', 'PROTO', '-tn', '1d', '-q', s.joe.filter])).total.sessions;
			await until('the preview', async () => ((await page.getByTestId('preview-sessions').textContent().catch(() => '')) ?? '').startsWith(`${wanted.toLocaleString('en-US')} of`));
			await pictures(page, s.shots, 'user-filter');
			await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
			await page.getByTestId('users').getByText(JOE.name).waitFor();
		}],
		['exporters are listed with state and losses', async () => {
			await page.goto('/exporters');
			await page.getByTestId('exporters').getByText('127.0.1.1').first().waitFor();
			s.report.finding(await accessibility(page), 'accessibility of the exporters');
			for (const scheme of ['light', 'dark']) {
				await look(page, scheme);
				await page.screenshot({ path: `${s.shots}/exporters-${scheme}.png` });
			}
			await page.getByRole('button', { name: '127.0.1.1' }).click();
			const dialog = page.getByRole('dialog');
			await field(dialog, 'Name').fill('edge <b>one</b>');
			await dialog.getByRole('button', { name: 'Save' }).click();
			await dialog.getByText('Saved.').waitFor();
			await pictures(page, s.shots, 'exporter');
			await page.keyboard.press('Escape');
			await page.getByTestId('exporters').getByText('edge <b>one</b>').waitFor();
		}],
		['a name is given, shown and deleted', async () => {
			await page.goto('/admin/names');
			await page.getByRole('button', { name: 'Give a name' }).click();
			await field(page, 'Address').fill(s.joe.address);
			await field(page, 'Name').fill('the office');
			await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
			await page.getByTestId('names').getByText('the office').waitFor();
			await page.screenshot({ path: `${s.shots}/names-one-dark.png` });
			await page.getByRole('button', { name: 'Delete the office' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
			await page.getByText('No names yet').waitFor();
		}],
		['traffic groups are checked line by line and kept', async () => {
			await page.goto('/admin/groups');
			await field(page, 'Groups').fill('Offices/Berlin = 10.1.0.0/16\nOffices');
			await page.getByText('Line 2: expected').waitFor();
			await field(page, 'Groups').fill('Offices/Berlin = 10.1.0.0/16, 2001:db8:1::/48\nServers = 192.0.2.0/24');
			await page.getByRole('button', { name: 'Save' }).click();
			await page.getByText('Saved:').waitFor();
			await page.reload();
			await until('the groups', async () => (await field(page, 'Groups').inputValue()).includes('Offices/Berlin = 10.1.0.0/16, 2001:db8:1::/48'));
		}],
		['a token is made, works and is revoked', async () => {
			await page.goto('/admin/tokens');
			await page.getByRole('button', { name: 'Make a token' }).click();
			await field(page, 'What it is for').fill('a script');
			await page.getByRole('dialog').getByRole('button', { name: 'Make' }).click();
			const token = (await page.getByTestId('token').textContent()).trim();
			const ask = () => s.world.api('/api/v1/op/whoami', { body: {}, token });
			same((await ask()).status, 200, 'the token works');
			await page.getByRole('button', { name: 'Revoke a script' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
			await until('the token to be refused', async () => (await ask()).status === 401);
		}],
		['every part opens, in both looks, without a serious finding', async () => {
			for (const [path, title] of parts) {
				await page.goto(`/admin/${path}`);
				await page.getByRole('heading', { name: title, level: 1 }).waitFor();
				await page.waitForLoadState('networkidle');
				ensure((await page.getByRole('alert').count()) === 0, `/admin/${path} shows an error: ${await page.getByRole('alert').allTextContents()}`);
				s.report.finding(await accessibility(page), `accessibility of /admin/${path}`);
				for (const scheme of ['light', 'dark']) {
					await look(page, scheme);
					await page.screenshot({ path: `${s.shots}/admin-${path}-${scheme}.png` });
				}
			}
			await page.goto('/account');
			await page.getByRole('heading', { name: 'Your account' }).waitFor();
			s.report.finding(await accessibility(page), 'accessibility of /account');
			await page.waitForLoadState('networkidle');
			await pictures(page, s.shots, 'account', { fullPage: true });
		}],
		['the audit log has what was done', async () => {
			await page.goto('/admin/audit');
			await page.getByTestId('audit').getByText('users.add').first().waitFor();
		}],
	]);
}
