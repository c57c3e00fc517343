// Chromium, and pages that are watched: nothing may complain.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
const require = createRequire(join(root, 'web/ui/package.json'));
export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);

/** why it can't run, in words; null: it can */
export function missing() {
	if (!chromiumPath) return 'chromium is not installed (deploy/deps test installs it)';
	if (!existsSync(join(root, 'web/ui/node_modules/playwright-core'))) return 'web/ui/node_modules has no playwright-core (make web installs it)';
	if (!existsSync(join(root, 'build/web/index.html'))) return 'build/web is missing (make web builds it; it needs npm)';
	return null;
}

export async function start() {
	const { chromium } = require('playwright-core');
	return chromium.launch({
		executablePath: chromiumPath,
		headless: true,
		args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-unsafe-swiftshader', '--disable-dev-shm-usage'],
	});
}

/** What a context's pages complain of.  `expect(pattern)`: one complaint that a step provokes on purpose. */
export class Watch {
	noise = [];
	allowed = [];
	pages = [];
	constructor(context) {
		context.on('page', (page) => this.see(page));
	}
	see(page) {
		this.pages.push(page);
		page.on('console', (m) => {
			if (m.type() === 'error' || /content security policy/i.test(m.text())) this.note(`console: ${m.text()} ${m.location().url ?? ''}`);
		});
		page.on('pageerror', (e) => this.note(`exception: ${e.message}`));
		page.on('dialog', (d) => {
			this.note(`dialog: ${d.message()}`);
			void d.dismiss();
		});
		page.on('response', (r) => {
			if (r.status() >= 500) this.note(`answer ${r.status()}: ${r.url()}`);
		});
	}
	note(text) {
		if (!this.allowed.some((p) => p.test(text))) this.noise.push(text);
	}
	expect(pattern) {
		this.allowed.push(pattern);
	}
	taken() {
		const all = this.noise;
		this.noise = [];
		return all;
	}
	async picture(path) {
		const page = this.pages.at(-1);
		if (page && !page.isClosed()) await page.screenshot({ path, timeout: 5000 }).catch(() => undefined);
	}
}

/** a browser of one person: cookies of its own */
export async function person(browser, base, options = {}) {
	const context = await browser.newContext({ baseURL: base, viewport: { width: 1280, height: 800 }, colorScheme: 'dark', reducedMotion: 'reduce', timezoneId: 'UTC', locale: 'en-GB', acceptDownloads: true, ...options });
	context.setDefaultTimeout(15_000);
	const watch = new Watch(context);
	const page = await context.newPage();
	return { context, watch, page };
}

/** a field by its label, required or not */
export const field = (scope, label) => scope.getByLabel(new RegExp(`^${label}( \\*)?$`)).and(scope.locator('input, textarea')).first();

export async function login(page, user, password) {
	await page.goto('/');
	await field(page, 'User').fill(user);
	await field(page, 'Password').fill(password);
	await page.getByRole('button', { name: 'Log in' }).click();
}

/** pictures of the page, light and dark: NAME-light.png, NAME-dark.png in `folder` */
export async function pictures(page, folder, name, options = {}) {
	for (const scheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme: scheme });
		await page.screenshot({ path: `${folder}/${name}-${scheme}.png`, ...options });
	}
}

const axeSource = () => readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** serious and critical findings of axe-core on the page as it stands */
export async function accessibility(page) {
	// run in the page without a script element, which the content security policy would refuse
	await page.evaluate(axeSource());
	return page.evaluate(async () => {
		const r = await window.axe.run(document, { resultTypes: ['violations'] });
		return r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary?.split('\n').slice(1, 2).join('') ?? ''}`).join(' | ')}`);
	});
}
