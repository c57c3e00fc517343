// The one way to the server: POST /api/v1/op/NAME.  Replies are typed from docs/protocol; errors are ApiError with words
// for people; long queries tell their progress; an aborted signal closes the connection, which cancels the query.
import type { Operations } from './ops.gen';
import { base } from '@/shell/router';

export type OpName = keyof Operations;
export type Request<N extends OpName> = Operations[N]['request'];
export type Reply<N extends OpName> = Operations[N]['reply'];

export interface Progress {
	/** 0 to 1; undefined while the query waits for its turn */
	part?: number;
	rows?: number;
}
export interface Options {
	signal?: AbortSignal;
	onProgress?: (p: Progress) => void;
}

export class ApiError extends Error {
	constructor(
		message: string,
		readonly status: number,
		readonly code: string,
		/** where in the filter it went wrong: characters from its start */
		readonly position?: number,
		/** seconds after which it makes sense to try again */
		readonly retryAfter?: number,
	) {
		super(message);
		this.name = 'ApiError';
	}
}

const API = `${base}/api/v1`;
/** who listens when the server says that nobody is logged in */
let signedOut: () => void = () => undefined;
export function onSignedOut(f: () => void): void {
	signedOut = f;
}

const HEADERS = { 'Content-Type': 'application/json', 'X-Flowtrove': '1' };

interface ErrorBody {
	error?: string | { message?: string; code?: string; at?: string };
	code?: string;
	place?: string;
	position?: number | string;
	at?: number | string;
}

function errorOf(body: unknown, status: number, retry: string | null): ApiError {
	const b = (typeof body === 'object' && body !== null ? body : {}) as ErrorBody;
	const nested = typeof b.error === 'object' ? b.error : undefined;
	const text = typeof b.error === 'string' ? b.error : (nested?.message ?? defaultText(status));
	const at = b.position ?? b.at ?? nested?.at;
	const position = at !== undefined && Number.isFinite(Number(at)) ? Number(at) : undefined;
	const after = retry !== null && Number.isFinite(Number(retry)) ? Number(retry) : undefined;
	return new ApiError(text, status, b.code ?? nested?.code ?? 'http', position, after);
}

function defaultText(status: number): string {
	if (status === 401) return 'You are not logged in.';
	if (status === 403) return 'You have no right to do that.';
	if (status === 404) return 'The server does not know that.';
	if (status === 429) return 'Too many requests; wait a moment.';
	if (status === 503) return 'The query server does not answer; it may be starting.';
	return `The server answered with status ${status}.`;
}

/** fetch that turns every failure into an ApiError (AbortError passes: whoever aborted knows why) */
export async function request(path: string, init: RequestInit): Promise<Response> {
	let response: Response;
	try {
		response = await fetch(`${API}${path}`, { credentials: 'same-origin', ...init });
	} catch (e) {
		if (e instanceof DOMException && e.name === 'AbortError') throw e;
		throw new ApiError('The server can’t be reached. Is the network up, and ft-webd running?', 0, 'network');
	}
	if (response.ok) return response;
	const body: unknown = await response.json().catch(() => null);
	const error = errorOf(body, response.status, response.headers.get('Retry-After'));
	if (response.status === 401 && path !== '/session') signedOut();
	throw error;
}

export async function json<T>(path: string, method: string, body?: unknown, signal?: AbortSignal): Promise<T> {
	const response = await request(path, {
		method,
		headers: HEADERS,
		body: body === undefined ? undefined : JSON.stringify(body),
		signal,
	});
	if (response.status === 204) return undefined as T;
	const text = await response.text();
	return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Lines of an answer as they come.  A chunk may end within a line or a character. */
export async function* lines(response: Response): AsyncGenerator<string> {
	const reader = response.body?.getReader();
	if (!reader) return;
	const decoder = new TextDecoder();
	let rest = '';
	try {
		for (;;) {
			const { done, value } = await reader.read();
			rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
			let from = 0;
			for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
				if (end > from) yield rest.slice(from, end);
				from = end + 1;
			}
			rest = rest.slice(from);
			if (done) {
				if (rest.trim() !== '') yield rest;
				return;
			}
		}
	} finally {
		reader.cancel().catch(() => undefined);
	}
}

type ProgressLine = number | { rows_scanned?: number; rows_total?: number; waiting?: boolean };

function progressOf(p: ProgressLine): Progress {
	if (typeof p === 'number') return { part: p };
	if (p.waiting) return {};
	const part = p.rows_total ? Math.min(1, (p.rows_scanned ?? 0) / p.rows_total) : undefined;
	return { part, rows: p.rows_scanned };
}

/** Run an operation.  Schemas that the protocol does not have yet: opLoose. */
export function op<N extends OpName>(name: N, body: Request<N>, options: Options = {}): Promise<Reply<N>> {
	return opLoose<Reply<N>>(name, body, options);
}

export async function opLoose<T>(name: string, body: unknown, options: Options = {}): Promise<T> {
	const path = `/op/${name}`;
	if (!options.onProgress) return json<T>(path, 'POST', body, options.signal);
	const response = await request(path, {
		method: 'POST',
		headers: { ...HEADERS, Accept: 'application/x-ndjson' },
		body: JSON.stringify(body),
		signal: options.signal,
	});
	if (!(response.headers.get('Content-Type') ?? '').includes('ndjson')) return (await response.json()) as T;
	for await (const line of lines(response)) {
		const o = JSON.parse(line) as { progress?: ProgressLine; reply?: T; error?: unknown };
		if (o.error !== undefined) throw errorOf(o, 500, null);
		if (o.reply !== undefined) return o.reply;
		if (o.progress !== undefined) options.onProgress(progressOf(o.progress));
	}
	throw new ApiError('The answer ended early; the query server may have restarted. Try again.', 0, 'cut');
}

/**
 * Run `sessions` and get its rows in batches as they come; resolves to the members of the last line.
 * Memory is the caller's business: return false from onRows to stop (which cancels the query).
 */
export async function opRows<R, T = Reply<'sessions'>>(
	body: Request<'sessions'>,
	onRows: (rows: R[]) => boolean | void,
	options: Options = {},
): Promise<T | undefined> {
	const stop = new AbortController();
	options.signal?.addEventListener('abort', () => stop.abort(), { once: true });
	const response = await request('/op/sessions', {
		method: 'POST',
		headers: { ...HEADERS, Accept: 'application/x-ndjson' },
		body: JSON.stringify(body),
		signal: stop.signal,
	});
	let batch: R[] = [];
	const flush = (): boolean => {
		const rows = batch;
		batch = [];
		return rows.length === 0 || onRows(rows) !== false;
	};
	for await (const line of lines(response)) {
		const o = JSON.parse(line) as { progress?: ProgressLine; reply?: T; error?: unknown };
		if (o.error !== undefined) throw errorOf(o, 500, null);
		if (o.reply !== undefined) {
			flush();
			return o.reply;
		}
		if (o.progress !== undefined) options.onProgress?.(progressOf(o.progress));
		else {
			batch.push(o as R);
			if (batch.length >= 1000 && !flush()) {
				stop.abort();
				return undefined;
			}
		}
	}
	throw new ApiError('The answer ended early; the query server may have restarted. Try again.', 0, 'cut');
}

/** The answer as a file, for `stat` and `sessions` (text/csv). */
export async function opCsv(name: 'stat' | 'sessions', body: unknown, signal?: AbortSignal): Promise<Blob> {
	const response = await request(`/op/${name}`, {
		method: 'POST',
		headers: { ...HEADERS, Accept: 'text/csv' },
		body: JSON.stringify(body),
		signal,
	});
	return response.blob();
}

export interface Me {
	user: string;
	admin: boolean;
	must_change_password: boolean;
	/** has a user filter */
	restricted?: boolean;
}
export const session = {
	get: () => json<Me>('/session', 'GET'),
	login: (username: string, password: string) => json<Me>('/session', 'POST', { username, password }),
	logout: () => json<void>('/session', 'DELETE'),
	password: (old: string, fresh: string) => json<void>('/session/password', 'POST', { old, new: fresh }),
};
