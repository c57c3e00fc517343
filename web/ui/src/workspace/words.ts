// Entities and counts in people's words.  What the server knows beyond these (operation `grammar`) is offered under its
// own name.
import type { Direction, ViewSpec } from '@/state/view';
import { bitRate, bits, byteRate, bytes, count, rate, short } from '@/words/format';

export interface EntityWords {
	one: string;
	many: string;
	group: 'Hosts' | 'Applications' | 'Network' | 'Geography and routing' | 'Exporters' | 'Other';
	/** both ends of a flow can be one: sent and received differ */
	sides?: boolean;
	pair?: boolean;
}
const e = (one: string, many: string, group: EntityWords['group'], more: Partial<EntityWords> = {}): EntityWords => ({ one, many, group, ...more });
const SIDES = { sides: true };
const PAIR = { pair: true };

export const ENTITIES: Record<string, EntityWords> = {
	IP: e('Host', 'Hosts', 'Hosts', SIDES),
	IPPAIR: e('Host pair', 'Host pairs', 'Hosts', PAIR),
	SERVICE: e('Service', 'Services (server and port)', 'Hosts'),
	CLIENTSERVICE: e('Client and service', 'Clients and their services', 'Hosts', PAIR),
	MAC: e('MAC address', 'MAC addresses', 'Hosts', SIDES),
	MACPAIR: e('MAC pair', 'MAC pairs', 'Hosts', PAIR),
	APP: e('Application', 'Applications', 'Applications'),
	PORTPROTO: e('Port and protocol', 'Ports and protocols', 'Applications'),
	PROTO: e('Protocol', 'Protocols', 'Applications'),
	SRCPORT: e('Source port', 'Source ports', 'Applications'),
	DSTPORT: e('Destination port', 'Destination ports', 'Applications'),
	TCPFLAGS: e('TCP flags', 'TCP flags', 'Applications'),
	QOS: e('Type of service', 'Types of service (QoS)', 'Applications'),
	NETBLOCK: e('Netblock', 'Netblocks', 'Network', SIDES),
	NETBLOCKPAIR: e('Netblock pair', 'Netblock pairs', 'Network', PAIR),
	GROUP: e('Traffic group', 'Traffic groups', 'Network', SIDES),
	GROUPPAIR: e('Group pair', 'Group pairs', 'Network', PAIR),
	VLAN: e('VLAN', 'VLANs', 'Network', SIDES),
	VLANPAIR: e('VLAN pair', 'VLAN pairs', 'Network', PAIR),
	COUNTRY: e('Country', 'Countries', 'Geography and routing', SIDES),
	COUNTRYPAIR: e('Country pair', 'Country pairs', 'Geography and routing', PAIR),
	ASN: e('AS', 'Autonomous systems', 'Geography and routing', SIDES),
	ASNPAIR: e('AS pair', 'AS pairs', 'Geography and routing', PAIR),
	EXPORTER: e('Exporter', 'Exporters', 'Exporters'),
	EXPIF: e('Interface', 'Interfaces (of each exporter)', 'Exporters', SIDES),
	EXPIFPAIR: e('Interface pair', 'Interface pairs (of each exporter)', 'Exporters', PAIR),
	IF: e('Interface index', 'Interface indexes', 'Exporters', SIDES),
	IFPAIR: e('Index pair', 'Interface index pairs', 'Exporters', PAIR),
	GUID: e('Proxy', 'Proxies (GUID)', 'Exporters'),
};
export const entityWords = (name: string): EntityWords => ENTITIES[name] ?? e(name, name, 'Other');

export const COUNTS: Record<string, string> = {
	BYTES: 'bytes',
	BITS: 'bits',
	PACKETS: 'packets',
	SESSIONS: 'sessions',
	UPDATES: 'flows',
	'UNIQUE IP': 'unique hosts',
	'UNIQUE PORTPROTO': 'unique ports',
	'UNIQUE QOS': 'unique types of service',
	'UNIQUE TCPFLAGS': 'unique TCP flags',
	'UNIQUE IF': 'unique interfaces',
	'UNIQUE COUNTRY': 'unique countries',
	'UNIQUE VLAN': 'unique VLANs',
	'UNIQUE ASN': 'unique AS',
	'UNIQUE MAC': 'unique MAC addresses',
	'UNIQUE NETBLOCK': 'unique netblocks',
	'UNIQUE GROUP': 'unique groups',
};
export const countWords = (name: string): string => COUNTS[name] ?? name.toLowerCase();

export function directionWords(v: Pick<ViewSpec, 'count'>, d: Direction): string {
	if (d === 'total') return 'total';
	if (v.count === 'SESSIONS') return d === 'sent' ? 'initiated' : 'accepted';
	return d;
}

export function viewTitle(v: ViewSpec): string {
	const d = v.direction === 'total' ? '' : ` ${directionWords(v, v.direction)}`;
	return `${entityWords(v.entity).many.replace(/ \(.*\)$/, '')} by ${countWords(v.count)}${d}`;
}

export interface Measure {
	/** amount of the whole frame */
	amount: (v: number) => string;
	/** of a slot of the chart, after factor and division */
	slot: (v: number) => string;
	/** slots are shown as rates */
	perSecond: boolean;
	/** of slots, before they are shown */
	factor: number;
	axis: string;
}

export function measureOf(countBy: string, unit: 'bits' | 'bytes'): Measure {
	switch (countBy) {
		case 'BYTES':
		case 'BITS': {
			const asBits = unit === 'bits';
			const factor = countBy === 'BYTES' ? (asBits ? 8 : 1) : asBits ? 1 : 1 / 8;
			return asBits
				? { amount: (v) => bits(v * factor), slot: bitRate, perSecond: true, factor, axis: 'bit/s' }
				: { amount: (v) => bytes(v * factor), slot: byteRate, perSecond: true, factor, axis: 'B/s' };
		}
		case 'PACKETS':
			return { amount: short, slot: (v) => rate(v, 'pkt'), perSecond: true, factor: 1, axis: 'packets/s' };
		case 'SESSIONS':
			return { amount: short, slot: (v) => rate(v, 'ses'), perSecond: true, factor: 1, axis: 'sessions/s' };
		case 'UPDATES':
			return { amount: short, slot: (v) => rate(v, 'flows'), perSecond: true, factor: 1, axis: 'flows/s' };
		default:
			return { amount: count, slot: short, perSecond: false, factor: 1, axis: `${countWords(countBy)}, where first seen` };
	}
}
