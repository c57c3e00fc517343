// First login: the generated password must be changed; then flows are waited for; then there are some.
import { accessibility, field, login, person, pictures } from './browser.mjs';
import { ensure, same, until } from './check.mjs';

export const name = 'first login';
export const needed = true;
export const NEW_PASSWORD = 'a good long pass phrase';

export async function play(s) {
	const p = await person(s.browser, s.world.url);
	const { page } = p;
	s.admin = p;
	return s.report.scene(name, p.watch, [
		['a wrong password is refused in words', async () => {
			p.watch.expect(/status of 401/);
			await login(page, 'admin', 'not this one');
			await page.getByRole('alert').waitFor();
			s.report.finding(await accessibility(page), 'accessibility of the login screen');
			await pictures(page, s.shots, 'login');
		}],
		['the generated password has to be changed', async () => {
			await login(page, 'admin', s.world.password);
			await field(page, 'New password').waitFor();
			await pictures(page, s.shots, 'new-password');
			await field(page, 'Generated password').fill(s.world.password);
			await field(page, 'New password').fill(NEW_PASSWORD);
			await field(page, 'New password again').fill(NEW_PASSWORD);
			await page.getByRole('button', { name: /Change password/ }).click();
			s.world.password = NEW_PASSWORD;
		}],
		['without flows it says how to send some', async () => {
			await until('the screen that waits for flows', () => page.url().endsWith('/start'));
			await page.getByRole('heading', { name: 'Getting flows' }).waitFor();
			s.report.finding(await accessibility(page), 'accessibility of the start screen');
			await pictures(page, s.shots, 'start', { fullPage: true });
		}],
		['the cookie is out of scripts’ reach', async () => {
			const cookie = (await p.context.cookies()).find((c) => c.name === `flowtrove-${s.world.base + 1}`);
			ensure(cookie?.httpOnly && cookie.sameSite === 'Strict', `the cookie is ${JSON.stringify(cookie)}`);
			same(await page.evaluate(() => document.cookie), '', 'a script reads the cookie');
		}],
		['flows come in', async () => {
			await s.world.traffic();
			const { from_us, to_us } = await s.world.stat(['-grp', 'PROTO', '-tn', '1h', '-r', '1']);
			// one frame for all that follows, as the browser, the API and the command line say it
			const iso = (us) => new Date(us / 1000).toISOString();
			const [from, to] = [Math.floor(from_us / 1e6) * 1e6, Math.ceil(to_us / 1e6) * 1e6];
			s.world.frame = { from_us: from, to_us: to, query: `from=${iso(from)}&to=${iso(to)}`, cli: ['-te', iso(from), '-tl', iso(to)] };
		}],
	]);
}
