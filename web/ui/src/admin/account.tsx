// What is one's own: password, tokens, friendly names.  Every user has this; administrators have the rest besides.
import { Button, PasswordInput, Stack, Text } from '@mantine/core';
import { Suspense, lazy, useState, type FormEvent } from 'react';
import { session } from '@/api/client';
import { Page, Panel, Problem, Waiting } from '@/shell/parts';
import { useMe } from '@/state/me';

const Tokens = lazy(() => import('./tokens'));
const Names = lazy(() => import('./names'));

function OwnPassword() {
	const me = useMe();
	const [old, setOld] = useState('');
	const [fresh, setFresh] = useState('');
	const [again, setAgain] = useState('');
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState<unknown>(null);
	const [done, setDone] = useState(false);
	const submit = (e: FormEvent) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		setDone(false);
		session
			.password(old, fresh)
			.then(() => {
				setDone(true);
				setOld('');
				setFresh('');
				setAgain('');
			}, setError)
			.finally(() => setBusy(false));
	};
	return (
		<Panel title="Password">
			<form onSubmit={submit}>
				<input type="hidden" name="username" autoComplete="username" value={me.user} readOnly />
				<Stack gap="sm" maw={360}>
					<PasswordInput label="Password now" autoComplete="current-password" required value={old} onChange={(e) => setOld(e.currentTarget.value)} />
					<PasswordInput label="New password" autoComplete="new-password" required value={fresh} onChange={(e) => setFresh(e.currentTarget.value)} error={fresh !== '' && fresh.length < 8 && 'At least 8 characters'} />
					<PasswordInput label="New password again" autoComplete="new-password" required value={again} onChange={(e) => setAgain(e.currentTarget.value)} error={again !== '' && again !== fresh && 'The two are not the same'} />
					{error !== null && <Problem error={error} />}
					<Button type="submit" loading={busy} disabled={old === '' || fresh.length < 8 || again !== fresh}>
						Change password
					</Button>
					<Text size="sm" c="dimmed" role="status">
						{done ? 'Changed. Other browsers and scripts that were logged in have to log in again.' : ''}
					</Text>
				</Stack>
			</form>
		</Panel>
	);
}

export default function Account() {
	const me = useMe();
	return (
		<Page title="Your account">
			<Text c="dimmed" size="sm" mb="md">
				{me.user}, {me.admin ? 'administrator' : me.restricted ? 'user; an administrator set which traffic you see' : 'user'}
			</Text>
			<OwnPassword />
			<Suspense fallback={<Waiting />}>
				<Tokens />
				<Names />
			</Suspense>
		</Page>
	);
}
