import { Anchor, Button, PasswordInput, Stack, Text } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { session } from '@/api/client';
import { Gate } from './gate';
import { Problem } from './parts';

/** First login: the generated password has to be changed before anything else works. */
export function NewPassword({ user, onDone, onLeave }: { user: string; onDone: () => void; onLeave: () => void }) {
	const [old, setOld] = useState('');
	const [fresh, setFresh] = useState('');
	const [again, setAgain] = useState('');
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState<unknown>(null);
	const short = fresh !== '' && fresh.length < 8;
	const differ = again !== '' && again !== fresh;
	const submit = (e: FormEvent) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		session
			.password(old, fresh)
			.then(onDone, setError)
			.finally(() => setBusy(false));
	};
	return (
		<Gate title="Choose a password" text={`${user} still has the generated password. Everything else waits until it is changed.`}>
			<form onSubmit={submit}>
				<input type="hidden" name="username" autoComplete="username" value={user} readOnly />
				<Stack gap="sm">
					<PasswordInput label="Generated password" name="old" autoComplete="current-password" required autoFocus value={old} onChange={(e) => setOld(e.currentTarget.value)} />
					<PasswordInput label="New password" name="new" autoComplete="new-password" required value={fresh} onChange={(e) => setFresh(e.currentTarget.value)} error={short && 'At least 8 characters'} />
					<PasswordInput label="New password again" name="again" autoComplete="new-password" required value={again} onChange={(e) => setAgain(e.currentTarget.value)} error={differ && 'The two are not the same'} />
					{error !== null && <Problem error={error} />}
					<Button type="submit" loading={busy} disabled={old === '' || fresh === '' || short || again !== fresh} fullWidth mt={4}>
						Change password and go on
					</Button>
				</Stack>
			</form>
			<Text size="xs" mt="md">
				<Anchor component="button" type="button" size="xs" onClick={onLeave}>
					Log in as somebody else
				</Anchor>
			</Text>
		</Gate>
	);
}
