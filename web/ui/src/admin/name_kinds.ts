// What can have a friendly name, and how its key is written.
export interface FriendlyName {
	kind: string;
	key: string;
	name: string;
	for: 'me' | 'all';
}
export const NAME_KINDS = [
	{ value: 'address', label: 'Address', hint: '192.0.2.7 or 2001:db8::7' },
	{ value: 'netblock', label: 'Netblock', hint: '192.0.2.0/24' },
	{ value: 'group', label: 'Traffic group', hint: 'as in the list of groups: Parent/Child' },
	{ value: 'as', label: 'AS', hint: 'its number' },
	{ value: 'port', label: 'Port and protocol', hint: '443/TCP' },
	{ value: 'qos', label: 'QoS (TOS byte)', hint: '0 to 255' },
	{ value: 'vlan', label: 'VLAN', hint: '0 to 4095' },
	{ value: 'exporter', label: 'Exporter', hint: 'its address' },
	{ value: 'interface', label: 'Interface of an exporter', hint: 'ADDRESS/INDEX' },
	{ value: 'mac', label: 'MAC address', hint: '00:11:22:33:44:55' },
];
export const kindTitle = (kind: string): string => NAME_KINDS.find((k) => k.value === kind)?.label ?? kind;
