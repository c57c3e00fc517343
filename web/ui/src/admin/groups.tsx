// Traffic groups: a list of named, nestable sets of address blocks, edited as a whole and checked by the server.
import { Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, opLoose } from '@/api/client';
import { queryClient } from '@/api/query';
import { Panel, Problem, Waiting } from '@/shell/parts';
import { plural } from '@/words/format';
import { Head } from './head';
import { groupLines, groupText, type TrafficGroup } from './group_text';
import classes from './admin.module.css';

const EXAMPLE = 'Offices/Berlin = 10.1.0.0/16, 2001:db8:1::/48\nOffices/Paris = 10.2.0.0/16\nServers = 192.0.2.0/24';

function Editor({ groups }: { groups: TrafficGroup[] }) {
	const [text, setText] = useState(() => groupText(groups));
	const [error, setError] = useState<unknown>(null);
	const [busy, setBusy] = useState(false);
	const [said, setSaid] = useState('');
	const parsed = groupLines(text);
	const save = () => {
		setBusy(true);
		setError(null);
		opLoose('groups.set', { groups: parsed.groups })
			.then(() => queryClient.invalidateQueries({ queryKey: ['groups.list'] }))
			.then(() => setSaid('Saved: addresses that arrive from now on are tagged by it.'), setError)
			.finally(() => setBusy(false));
	};
	return (
		<Panel>
			<Stack gap="sm">
				<Textarea
					label="Groups"
					description="A line each: NAME = block, block …  A slash in a name makes a group inside another; a filter on the outer one selects both. The narrowest block wins."
					placeholder={EXAMPLE}
					autosize
					minRows={10}
					maxRows={30}
					classNames={{ input: classes.mono }}
					spellCheck={false}
					value={text}
					onChange={(e) => {
						setText(e.currentTarget.value);
						setSaid('');
					}}
					error={parsed.problem}
				/>
				{error !== null && <Problem error={error instanceof ApiError ? error : error} />}
				<Group gap="sm">
					<Button onClick={save} loading={busy} disabled={parsed.problem !== null}>
						Save
					</Button>
					<Text size="sm" c="dimmed" role="status">
						{said || plural(parsed.groups.length, 'group')}
					</Text>
				</Group>
			</Stack>
		</Panel>
	);
}

export default function Groups() {
	const { data, error, refetch } = useQuery({ queryKey: ['groups.list'], queryFn: ({ signal }) => opLoose<{ groups: TrafficGroup[] }>('groups.list', {}, { signal }), refetchOnWindowFocus: false });
	return (
		<>
			<Head title="Traffic groups" text="Named sets of addresses: sites, customers, server farms. Sessions are tagged when they arrive, so a change counts from then on." />
			{error && <Problem error={error} onRetry={() => void refetch()} />}
			{!data && !error && <Waiting />}
			{data && <Editor groups={data.groups} />}
		</>
	);
}
