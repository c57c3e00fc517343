// CSV, PNG, and the same question for other programs.
import { opCsv } from '@/api/client';
import { base } from '@/shell/router';
import type { Workspace } from '@/state/view';
import { statRequest } from './data';
import type { Drawing } from './chart_draw';
import type { Picture } from './picture';

export function download(blob: Blob, name: string): void {
	const url = URL.createObjectURL(blob);
	const a = document.createElement('a');
	a.href = url;
	a.download = name;
	a.click();
	setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
export const fileName = (title: string, ending: string): string => `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'flowtrove'}.${ending}`;

/** the whole ranking, not the page */
export async function saveCsv(w: Workspace, title: string): Promise<void> {
	const { slots: _slots, offset: _offset, ...request } = statRequest({ ...w, sort: '', page: 0 }, 0);
	download(await opCsv('stat', { ...request, rows: 250000 }), fileName(title, 'csv'));
}

/** chart with heading and legend */
export function savePng(drawing: Drawing, picture: Picture, title: string, under: string, colours: { ground: string; text: string; dim: string }): void {
	const image = drawing.image(colours.ground);
	const s = 2;
	const line = 18 * s;
	const columns = 2;
	const legend = Math.ceil(picture.series.length / columns) * line;
	const canvas = document.createElement('canvas');
	canvas.width = image.width;
	canvas.height = image.height + 56 * s + legend + 16 * s;
	const g = canvas.getContext('2d');
	if (!g) return;
	g.fillStyle = colours.ground;
	g.fillRect(0, 0, canvas.width, canvas.height);
	g.fillStyle = colours.text;
	g.font = `600 ${16 * s}px ${picture.look.font}`;
	g.fillText(title, 14 * s, 26 * s);
	g.fillStyle = colours.dim;
	g.font = `${12 * s}px ${picture.look.font}`;
	g.fillText(under, 14 * s, 44 * s, canvas.width - 28 * s);
	g.drawImage(image, 0, 52 * s);
	picture.series.forEach((one, i) => {
		const x = 14 * s + (i % columns) * (canvas.width / columns);
		const y = 52 * s + image.height + Math.floor(i / columns) * line + 14 * s;
		g.fillStyle = one.colour;
		g.fillRect(x, y - 9 * s, 10 * s, 10 * s);
		g.fillStyle = colours.text;
		g.fillText(one.name, x + 16 * s, y, canvas.width / columns - 40 * s);
	});
	canvas.toBlob((blob) => blob && download(blob, fileName(title, 'png')));
}

const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export interface Calls {
	json: string;
	manual: string | null;
	command: string;
}
/** The call for what is shown: ours, the manual's, and the command. */
export function callsOf(w: Workspace): Calls {
	const { offset, ...request } = statRequest({ ...w, sort: '' }, 0);
	const body = Object.fromEntries(Object.entries({ ...request, slots: undefined, offset: offset || undefined }).filter(([, v]) => v !== undefined));
	const host = `${location.origin}${base}`;
	const tls = location.protocol === 'https:' ? ' -k' : '';
	const json = `curl -s${tls} -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' \\\n  -d ${shell(JSON.stringify(body))} \\\n  ${host}/api/v1/op/stat`;
	const time: [string, string][] = request.last ? [['time_range', `-${request.last}`]] : [];
	const from = typeof request.from === 'number' ? new Date(request.from / 1000).toISOString() : '';
	const to = typeof request.to === 'number' ? new Date(request.to / 1000).toISOString() : '';
	if (!request.last) time.push(['after_time', from], ['before_time', to]);
	const parameters: [string, string][] = [['auth_token', 'TOKEN'], ['group_by', request.group_by ?? ''], ['count_by', request.count_by ?? ''], ...(request.direction === 'sent' ? [['direction', 'snd'] as [string, string]] : request.direction === 'received' ? [['direction', 'rcv'] as [string, string]] : []), ...time, ['rows', String(w.rows)], ...(request.filter ? [['query', request.filter] as [string, string]] : [])];
	const manual = w.exporter || w.border ? null : `curl -s${tls} -G ${host}/api/v1/stat \\\n${parameters.map(([k, v]) => `  --data-urlencode ${shell(`${k}=${v}`)}`).join(' \\\n')}`;
	const options = [
		'ftstat', `-grp ${request.group_by}`, `-cnt ${request.count_by}`, request.direction === 'sent' ? '-snd' : request.direction === 'received' ? '-rcv' : '',
		request.last ? `-tn ${request.last}` : `-te ${shell(from)} -tl ${shell(to)}`, `-r ${w.rows}`, w.exporter ? `-e ${w.exporter}` : '', w.exporterIf === undefined ? '' : `-ei ${w.exporterIf}`, w.exporterVersion ? `-ef ${w.exporterVersion}` : '', request.filter ? `-q ${shell(request.filter)}` : '',
	];
	return { json, manual, command: options.filter((o) => o !== '').join(' ') };
}
