// Scenes and steps, and the lines that tests/run counts: `PASSED scene: step`, `FAILED scene: step`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export class Failed extends Error {}

export function ensure(fact, text) {
	if (!fact) throw new Failed(text);
}
export function same(found, wanted, text) {
	const a = JSON.stringify(found);
	const b = JSON.stringify(wanted);
	if (a !== b) throw new Failed(`${text}\n  found  ${a?.slice(0, 600)}\n  wanted ${b?.slice(0, 600)}`);
}

/** fact() until it is true */
export async function until(text, fact, seconds = 20) {
	const end = Date.now() + seconds * 1000;
	for (;;) {
		const value = await fact();
		if (value) return value;
		if (Date.now() > end) throw new Failed(`waited ${seconds} s in vain for: ${text}`);
		await new Promise((r) => setTimeout(r, 50));
	}
}

export class Report {
	passed = 0;
	failed = 0;
	constructor(folder) {
		this.folder = folder;
		mkdirSync(join(folder, 'shots'), { recursive: true });
	}
	/** a finding that need not keep the scene from going on */
	finding(list, where) {
		for (const text of list) {
			this.failed++;
			console.log(`FAILED ${where}: ${text}`);
		}
	}
	/** runs the steps in order; after a failure the rest of the scene is left out */
	async scene(name, watch, steps) {
		for (const [step, run] of steps) {
			const begun = Date.now();
			try {
				await run();
				const noise = watch.taken();
				if (noise.length) throw new Failed(`the page complained:\n  ${noise.join('\n  ')}`);
				this.passed++;
				console.log(`PASSED ${name}: ${step} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
			} catch (e) {
				this.failed++;
				console.log(`FAILED ${name}: ${step}\n    ${String(e?.message ?? e).replaceAll('\n', '\n    ')}${e instanceof Failed ? '' : `\n${String(e?.stack ?? '').split('\n').slice(1, 4).join('\n')}`}`);
				for (const line of watch.taken()) console.log(`    page: ${line}`);
				await watch.picture(join(this.folder, `failed-${name}-${step}`.replace(/[^a-z0-9-]+/gi, '_').slice(0, 120) + '.png'));
				return false;
			}
		}
		return true;
	}
}
