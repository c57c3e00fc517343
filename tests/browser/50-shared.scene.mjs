// A workspace that one person shares is there for others: seen, opened, taken over under a name of their own; not changed.
import { login, person } from './browser.mjs';
import { same, until } from './check.mjs';

export const name = 'shared workspaces';

const ANN = { name: 'ann', password: 'the pass phrase of ann' };

export async function play(s) {
	const { world, joe } = s;
	const token = await world.token('admin', world.password);
	const made = async (op, body) => {
		const r = await world.api(`/api/v1/op/${op}`, { body, token });
		same(r.status, 200, `${op} ${r.text}`);
		return JSON.parse(r.text);
	};
	const state = { v: 1, filter: 'SRVPORT == 443', from: 'now-1h', to: 'now', views: [{ entity: 'PORTPROTO', count: 'SESSIONS', direction: 'total' }] };
	const p = await person(s.browser, world.url);
	const { page } = p;
	const drawer = page.getByRole('dialog', { name: 'Workspaces' });
	let shared;
	const going = await s.report.scene(name, p.watch, [
		['another user opens what was shared with all', async () => {
			await made('users.add', { ...ANN });
			shared = (await made('workspaces.save', { name: 'secure web', description: 'what is encrypted', notes: 'begin here', icon: 'lock', share: 'all', state })).workspace.id;
			await made('workspaces.save', { name: 'my own', description: '', notes: '', icon: 'star', share: 'none', state });
			await login(page, ANN.name, ANN.password);
			await until('the interface', () => page.url().includes('/workspace'));
			await page.getByRole('button', { name: 'Workspaces' }).first().click();
			await drawer.getByText('Shared by others').waitFor();
			same(await drawer.getByText('my own').count(), 0, 'what is not shared is listed');
			await page.screenshot({ path: `${s.shots}/shared-dark.png` });
			await drawer.getByText('secure web').click();
			await until('its address', () => page.url().includes('SRVPORT') && page.url().includes('PORTPROTO.SESSIONS'));
			await page.getByText('begin here').waitFor();
			await page.getByTestId('view-table').locator('tbody tr').first().waitFor();
		}],
		['and keeps a copy, which leaves the shared one as it is', async () => {
			await page.getByRole('button', { name: 'Save this workspace' }).click();
			const dialog = page.getByRole('dialog', { name: 'Save this workspace' });
			await dialog.getByLabel(/^Name/).fill('secure web, of ann');
			await dialog.getByRole('button', { name: 'Save', exact: true }).click();
			await dialog.waitFor({ state: 'hidden' });
			const list = (await made('workspaces.list', {})).workspaces;
			same(list.filter((w) => w.id === shared).map((w) => [w.name, w.mine]), [['secure web', true]], 'the shared one');
			same(list.filter((w) => w.name.includes('ann')).length, 0, 'what ann did not share');
		}],
		['what is another’s can’t be changed or deleted', async () => {
			const hers = await world.token(ANN.name, ANN.password);
			for (const [op, body] of [['workspaces.delete', { workspace: shared }], ['workspaces.save', { workspace: shared, name: 'taken', share: 'none', state }]]) {
				const r = await world.api(`/api/v1/op/${op}`, { body, token: hers });
				same([403, 404, 409].includes(r.status), true, `${op} by another answers ${r.status} ${r.text}`);
			}
			await page.getByRole('button', { name: 'Workspaces' }).first().click();
			await drawer.getByRole('button', { name: 'More for secure web', exact: true }).click();
			same(await page.getByRole('menuitem', { name: 'Delete' }).count(), 0, 'Delete is offered');
			await page.keyboard.press('Escape');
		}],
		['a user with a user filter sees it only if it is shared with everybody', async () => {
			const his = await world.token(joe.name, joe.password);
			const sees = async () => JSON.parse((await world.api('/api/v1/op/workspaces.list', { body: {}, token: his })).text).workspaces.filter((w) => w.id === shared).length;
			same(await sees(), 0, 'joe, who has a user filter, sees what is shared with those who have none');
			await s.admin.page.goto('/workspace');
			await s.admin.page.getByRole('button', { name: 'Workspaces' }).first().click();
			const mine = s.admin.page.getByRole('dialog', { name: 'Workspaces' });
			await mine.getByRole('button', { name: 'More for secure web', exact: true }).click();
			await s.admin.page.getByRole('menuitem', { name: 'Share with users that have a user filter too' }).click();
			await until('joe to see it', async () => (await sees()) === 1);
			await s.admin.page.keyboard.press('Escape');
		}],
		['what is shared no longer is said to be gone', async () => {
			const link = page.url();
			await made('workspaces.delete', { workspace: shared });
			p.watch.expect(/status of 404/);
			await page.goto(`${link.replace(/&ws=[^&]*/, '')}&ws=${shared}`);
			await page.getByTestId('view-table').locator('tbody tr').first().waitFor();
			await page.getByText('no longer there').waitFor();
		}],
	]);
	await p.context.close();
	return going;
}
