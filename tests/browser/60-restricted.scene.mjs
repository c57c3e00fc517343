// A user with a user filter sees nothing outside it: by browser, token or command line, in views, sessions, completion,
// names, exporters, saved workspaces, error texts.
import { login, person } from './browser.mjs';
import { ensure, same, until } from './check.mjs';

export const name = 'user filter';

export async function play(s) {
	const { world, joe } = s;
	const p = await person(s.browser, world.url);
	const who = { user: joe.name, password: joe.password };
	const { frame } = world;
	// what must never be seen: addresses of sessions that joe's are not part of
	const outside = async () => {
		const all = (await world.cli('ftsq', ['-j', ...frame.cli])).out.split('\n').filter(Boolean).map((l) => JSON.parse(l));
		const mine = new Set([joe.address]);
		for (const o of all) if (o.client_ip === joe.address || o.server_ip === joe.address) mine.add(o.client_ip).add(o.server_ip);
		const list = [...new Set(all.flatMap((o) => [o.client_ip, o.server_ip]))].filter((a) => !mine.has(a));
		ensure(list.length > 50, `only ${list.length} addresses are outside`);
		return { list, sessions: all.filter((o) => o.client_ip === joe.address || o.server_ip === joe.address).length };
	};
	let hidden;
	const clean = (text, where) => {
		const found = hidden.list.filter((a) => new RegExp(`(?<![0-9a-f.:])${a.replaceAll('.', '\\.')}(?![0-9a-f.:])`).test(text));
		same(found.slice(0, 5), [], `${where} shows what is outside the user filter`);
	};
	const going = await s.report.scene(name, p.watch, [
		['the browser shows that user’s sessions and no others', async () => {
			hidden = await outside();
			await login(p.page, joe.name, joe.password);
			await until('the interface', async () => !p.page.url().endsWith('/') && (await p.page.getByRole('main').count()) === 1);
			await p.page.goto(`/sessions?v=1&${frame.query}`);
			await p.page.getByTestId('sessions-total').waitFor();
			same(Number((await p.page.getByTestId('sessions-total').textContent()).replaceAll(',', '')), hidden.sessions, 'sessions in the browser');
			clean(await p.page.content(), 'the session explorer');
			await p.page.screenshot({ path: `${s.shots}/restricted-sessions-dark.png` });
		}],
		['the workspace shows that user’s hosts and no others', async () => {
			await p.page.goto(`/workspace?v=1&${frame.query}&view=IP.BYTES&rows=100`);
			await until('the table', async () => (await p.page.content()).includes(joe.address));
			clean(await p.page.content(), 'the workspace');
		}],
		['administration is not there', async () => {
			ensure((await p.page.getByRole('link', { name: 'Administration' }).count()) === 0, 'a link to it is shown');
			await p.page.goto('/admin/users');
			await p.page.getByText('Only administrators see this screen').waitFor();
			await p.page.goto('/exporters');
			await p.page.getByTestId('exporters').waitFor();
			ensure(!/an hour|flows/i.test(await p.page.getByTestId('exporters').textContent()), 'figures of exporters are shown');
		}],
		['no operation of the API tells more', async () => {
			const token = await world.token(joe.name, joe.password);
			const ops = {
				stat: [{ group_by: 'IP', rows: 1000 }, { group_by: 'IPPAIR', rows: 1000 }, { group_by: 'SERVICE', rows: 1000 }, { group_by: 'EXPIF', rows: 1000 }],
				sessions: [{}, { slices: true }, { whole: true }, { sort: '-bytes', most: 100 }],
				complete: ['SRVIP', 'ADDR', 'APP', 'EXPIP', 'GRP', 'CC'].map((field) => ({ field, prefix: '' })),
				'names.list': [{}], 'groups.list': [{}], 'exporters.list': [{}], 'workspaces.list': [{}], 'tokens.list': [{}], grammar: [{}], status: [{}], 'users.online': [{}],
				'filter.check': [{ filter: `ADDR == ${hidden.list[0]} &&` }],
			};
			for (const [op, bodies] of Object.entries(ops))
				for (const body of bodies) {
					const framed = op === 'stat' || op === 'sessions' ? { ...body, from: frame.from_us, to: frame.to_us } : body;
					const r = await world.api(`/api/v1/op/${op}`, { body: framed, token, headers: { Accept: 'application/x-ndjson' } });
					ensure(r.status !== 500, `${op} answers ${r.status}`);
					if (op !== 'filter.check') clean(r.text, `${op} ${JSON.stringify(body)}`);
				}
			for (const op of ['users.list', 'audit.list', 'settings.get', 'switches.list', 'users.set'])
				same((await world.api(`/api/v1/op/${op}`, { body: op === 'users.set' ? { name: joe.name, filter: '' } : {}, token })).status, 403, `${op} is for administrators`);
			const asked = await world.api(`/api/v1/stat?${new URLSearchParams({ auth_token: token, group_by: 'IP', rows: '1000', time_range: '1h' })}`, { method: 'GET' });
			same(asked.status, 200, 'the manual’s call');
			clean(asked.text, 'the manual’s stat call');
			const filtered = await world.api('/api/v1/op/stat', { body: { group_by: 'IP', filter: `ADDR == ${hidden.list[0]}`, from: frame.from_us, to: frame.to_us }, token });
			same(JSON.parse(filtered.text).view.total.sessions, 0, 'sessions of an address outside');
		}],
		['nor does the command line', async () => {
			const r = await world.cli('ftsq', ['-j', ...frame.cli], who);
			same(r.out.split('\n').filter(Boolean).length, hidden.sessions, 'sessions by ftsq');
			clean(r.out, 'ftsq');
			for (const entity of ['IP', 'IPPAIR', 'NETBLOCK', 'SERVICE', 'CLIENTSERVICE']) clean((await world.cli('ftstat', ['-j', '-grp', entity, '-r', '1000', ...frame.cli], who)).out, `ftstat ${entity}`);
			const ulist = await world.cli('ftum', ['-ulist'], who);
			ensure(ulist.code !== 0, 'ftum -ulist works for a user');
		}],
	]);
	await p.context.close();
	return going;
}
