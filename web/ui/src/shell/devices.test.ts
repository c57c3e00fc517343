import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { devicesOf, filled } from './devices';

describe('commands for devices', () => {
	const devices = devicesOf(readFileSync('../../docs/devices.md', 'utf8'));
	it('come from the page of the documentation', () => {
		expect(devices.map((d) => d.title).join()).toMatch(/Cisco.*Juniper.*MikroTik.*softflowd/);
		expect(devices.length).toBeGreaterThan(8);
		expect(devices.map((d) => d.title)).not.toContain('Checking');
	});
	it('have this host in them', () => {
		const cisco = devices.find((d) => d.title.startsWith('Cisco IOS, IOS-XE'));
		const text = filled(cisco?.blocks[0]?.text ?? '', '192.0.2.7', 9996);
		expect(text).toContain(' destination 192.0.2.7\n');
		expect(text).toContain('transport udp 9996');
	});
});
