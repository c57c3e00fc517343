// A private instance with made-up traffic of the last minutes, and the command line beside the browser.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './browser.mjs';
import { Failed, until } from './check.mjs';

const run = promisify(execFile);
const bin = process.env.FT_BIN ?? join(root, 'build/bin');
const local = join(root, 'deploy/local');

async function freePorts(count) {
	for (let turn = 0; turn < 200; turn++) {
		const base = 15000 + Math.floor(((process.pid * 7919 + turn * 104729) % 1000003) / 1000003 * 16000);
		const held = [];
		try {
			for (let p = base; p < base + count; p++) {
				const s = createServer();
				await new Promise((ok, bad) => s.once('error', bad).listen(p, '127.0.0.1', ok));
				held.push(s);
			}
			return base;
		} catch {
			// another one
		} finally {
			await Promise.all(held.map((s) => new Promise((ok) => s.close(ok))));
		}
	}
	throw new Failed(`no ${count} free ports in a row`);
}

export class World {
	static async up({ firstRun = true } = {}) {
		const w = new World();
		w.dir = join(mkdtempSync(join(tmpdir(), 'ft-web-')), 'i');
		w.base = await freePorts(5);
		w.url = `http://127.0.0.1:${w.base + 1}`;
		await w.local('up', '--base', String(w.base), ...(firstRun ? ['--first-run'] : []));
		w.password = w.read('admin-password');
		return w;
	}
	read(name) {
		return readFileSync(join(this.dir, name), 'utf8').trim();
	}
	async local(verb, ...args) {
		try {
			return (await run(local, [verb, this.dir, ...args], { env: { ...process.env, FT_BIN: bin }, timeout: 120_000 })).stdout;
		} catch (e) {
			throw new Failed(`deploy/local ${verb}: ${e.stdout ?? ''}${e.stderr ?? e.message}`);
		}
	}
	/** may be asked twice: at the end, and when the suite is stopped */
	down() {
		return (this.going ??= this.takeDown());
	}
	async takeDown() {
		if (process.env.FT_KEEP) {
			console.log(`kept: ${this.dir}, ${this.url}, admin ${this.password}`);
			return;
		}
		const instance = /^instance (\S+)/m.exec(this.read('flowtrove.conf'))?.[1];
		await this.local('down').catch((e) => console.log(`    ${e.message}`));
		if (instance) rmSync(`/dev/shm/flowtrove-${instance}`, { recursive: true, force: true });
		rmSync(join(this.dir, '..'), { recursive: true, force: true });
	}

	/** a program of the command line: {code, out, err} */
	async cli(program, args, { user = 'admin', password = this.password } = {}) {
		const env = { ...process.env, TZ: 'UTC', FLOWTROVE_SERVER: '127.0.0.1', FLOWTROVE_PORT: String(this.base), FLOWTROVE_USERNAME: user, FLOWTROVE_PASSWORD: password };
		try {
			const { stdout, stderr } = await run(join(bin, program), args, { env, timeout: 60_000, maxBuffer: 1 << 28 });
			return { code: 0, out: stdout, err: stderr };
		} catch (e) {
			return { code: e.code ?? -1, out: e.stdout ?? '', err: e.stderr ?? '' };
		}
	}
	async stat(args, who) {
		const r = await this.cli('ftstat', ['-j', ...args], who);
		if (r.code !== 0) throw new Failed(`ftstat ${args.join(' ')}: ${r.err}`);
		return JSON.parse(r.out);
	}

	/** the API, as a script uses it */
	async api(path, { method = 'POST', body, token, headers = {} } = {}) {
		const r = await fetch(this.url + path, {
			method,
			headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers },
			body: body === undefined ? undefined : JSON.stringify(body),
			redirect: 'manual',
			signal: AbortSignal.timeout(30_000),
		}).catch((e) => {
			throw new Failed(`${method} ${path} ${JSON.stringify(body)}: ${e.cause?.message ?? e.message}`);
		});
		return { status: r.status, text: await r.text(), headers: r.headers };
	}
	async token(user, password) {
		const r = await fetch(`${this.url}/api/v1/auth`, { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ username: user, password }) });
		const o = await r.json();
		if (!o.auth_token) throw new Failed(`no token for ${user}: ${JSON.stringify(o)}`);
		return o.auth_token;
	}

	/** sessions in the last ten minutes, from three exporters at 127.0.1.1 … */
	async traffic(sessions = 4000) {
		const start = Math.floor(Date.now() / 1000) - 600;
		const args = ['-f', 'v9', '-n', String(sessions), '-e', '3', '-b', '127.0.1.1', '-r', String(Math.max(20000, Math.round(sessions / 20))), '-p', String(Math.ceil(sessions / 560)), '-t', String(start), '-s', '7', '-T', join(this.dir, 'truth.tsv'), '127.0.0.1', String(this.base + 2)];
		const out = await new Promise((ok, bad) => {
			const p = spawn(join(root, 'build/tests/trafficgen'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
			let text = '';
			p.stdout.on('data', (d) => (text += d));
			p.on('error', bad);
			p.on('exit', (code) => (code === 0 ? ok(text) : bad(new Failed(`trafficgen ended with ${code}`))));
		});
		this.sent = JSON.parse(out);
		let last;
		await until(`the ${sessions} sessions to be stored`, async () => {
			last = (await this.stat(['-grp', 'PROTO', '-tn', '1h', '-r', '1'])).total;
			return last.sessions >= sessions;
		}, 60 + sessions / 20000).catch((e) => {
			throw new Failed(`${e.message}; there are ${JSON.stringify(last)}, sent ${JSON.stringify(this.sent)}`);
		});
		return last;
	}
}
