import { Modal, Select, Stack, Text } from '@mantine/core';
import { useMemo } from 'react';
import { useZone } from '@/state/zone';
import { dateTime, localZone, offsetText, serverNowMs } from '@/words/clock';

export function ZoneDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
	const [zone, choice, set] = useZone();
	const data = useMemo(() => {
		const all: string[] = typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
		return [
			{ group: 'Usual', items: [{ value: 'browser', label: `The browser’s (${localZone()})` }, { value: 'UTC', label: 'UTC' }] },
			{ group: 'By name', items: all.filter((z) => z !== 'UTC') },
		];
	}, []);
	return (
		<Modal opened={opened} onClose={onClose} title="Time zone" closeButtonProps={{ 'aria-label': 'Close' }}>
			<Stack gap="sm">
				<Select label="Times are shown and read in" data={data} value={choice} searchable limit={60} allowDeselect={false} onChange={(v) => v && set(v)} comboboxProps={{ withinPortal: true }} />
				<Text size="sm" c="dimmed">
					There it is {dateTime(serverNowMs() * 1000, zone)} ({offsetText(serverNowMs(), zone)}), by the server’s clock.
				</Text>
			</Stack>
		</Modal>
	);
}
