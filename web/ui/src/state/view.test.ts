import { describe, expect, it } from 'vitest';
import { DEFAULT, frameOf, frameSearch, workspaceOf, workspaceSearch, type Workspace } from './view';

describe('the address of a workspace', () => {
	it('carries all of its state there and back', () => {
		const w: Workspace = {
			...DEFAULT, filter: 'SRVIP == 10.1.0.0/16 && (APP == "a&b+c%" || TTIME > 5)', from: 'now-1d/d', to: 'now-1d/d', exporter: '192.0.2.1', exporterIf: 3, border: true, mode: 'raw',
			views: [{ entity: 'IPPAIR', count: 'UNIQUE IP', direction: 'sent' }, { entity: 'ASN', count: 'BITS', direction: 'total' }], tab: 1, type: 'bars', unit: 'bytes', rows: 100, page: 3, sort: '-bytes_sent', refresh: 10, saved: '7', columns: ['packets_sent', 'bytes_sent'],
		};
		expect(workspaceOf(workspaceSearch(w))).toEqual(w);
		expect(workspaceOf(workspaceSearch(DEFAULT))).toEqual(DEFAULT);
		expect(frameOf(frameSearch(w))).toEqual({ filter: w.filter, from: w.from, to: w.to, exporter: '192.0.2.1', exporterIf: 3, border: true });
	});
	it('is readable', () => {
		expect(workspaceSearch({ ...DEFAULT, filter: 'SRVIP == 10.1.0.0/16' })).toBe('v=1&f=SRVIP+==+10.1.0.0/16&from=now-15m&to=now&view=IP.BYTES');
	});
	it('bears nonsense', () => {
		expect(workspaceOf('v=9&view=../../x&view=&tab=99&rows=7&page=-1&type=evil&sort=<b>&refresh=x')).toEqual(DEFAULT);
	});
});
