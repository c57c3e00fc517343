// What a size holds: sessions and time, at the rate of the last day.  The server knows (`capacity`).
import { Group, NumberInput, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { opLoose } from '@/api/client';
import { Panel, Problem } from '@/shell/parts';
import { bytes, count, duration } from '@/words/format';
import classes from './admin.module.css';

export interface Held {
	[name: string]: number | null | undefined;
}

export function Capacity() {
	const [gigabytes, setGigabytes] = useState<number | string>('');
	const [asked] = useDebouncedValue(Number(gigabytes) || 0, 300);
	const { data, error } = useQuery({
		queryKey: ['capacity', asked],
		queryFn: ({ signal }) => opLoose<Held>('capacity', asked > 0 ? { gigabytes: asked } : {}, { signal }),
		retry: false,
	});
	return (
		<Panel title="What a size would hold">
			<Group align="flex-end" gap="lg">
				<NumberInput w={180} label="Size of the database, GB" placeholder="as set now" min={1} max={16384} thousandSeparator="," value={gigabytes} onChange={setGigabytes} />
				<div data-testid="capacity" className={classes.preview} style={{ flex: 1 }}>
					{error ? <Problem error={error} /> : data ? <Says held={data} /> : '…'}
				</div>
			</Group>
		</Panel>
	);
}

function Says({ held }: { held: Held }) {
	const n = (k: string) => (typeof held[k] === 'number' ? (held[k] as number) : null);
	const lines: [string, string][] = [];
	const add = (k: string, label: string, text: (v: number) => string) => {
		const v = n(k);
		if (v !== null) lines.push([label, text(v)]);
	};
	add('bytes', 'Size', bytes);
	add('slices', 'Slices', count);
	add('sessions', 'Sessions', count);
	add('seconds', 'Time', (s) => duration(s * 1e6));
	return lines.length ? (
		<dl className={classes.facts}>
			{lines.map(([k, v]) => (
				<div key={k} style={{ display: 'contents' }}>
					<dt>{k}</dt>
					<dd>{v}</dd>
				</div>
			))}
		</dl>
	) : (
		<Text size="sm">Nothing is stored yet, so there is no rate to go by.</Text>
	);
}
