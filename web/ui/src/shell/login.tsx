import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useEffect, useState, type FormEvent } from 'react';
import { ApiError, session, type Me } from '@/api/client';
import { preloadFirst } from './enter';
import { Gate } from './gate';
import { Problem } from './parts';

export function Login({ expired, onEntered }: { expired: boolean; onEntered: (me: Me) => Promise<void> }) {
	const [name, setName] = useState('');
	const [password, setPassword] = useState('');
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState<unknown>(null);
	useEffect(() => {
		if (document.readyState === 'complete') preloadFirst();
		else window.addEventListener('load', preloadFirst, { once: true });
	}, []);
	const submit = (e: FormEvent) => {
		e.preventDefault();
		setBusy(true);
		setError(null);
		session
			.login(name, password)
			.then(onEntered, (x: unknown) => {
				setError(x instanceof ApiError && x.status === 401 ? new ApiError('The name or the password is wrong.', 401, 'auth') : x);
				setPassword('');
			})
			.finally(() => setBusy(false));
	};
	return (
		<Gate title="Log in" text={expired ? 'Your session ended. Log in again to go on where you were.' : undefined}>
			<form onSubmit={submit}>
				<Stack gap="sm">
					<TextInput label="User" name="username" autoComplete="username" autoFocus required value={name} onChange={(e) => setName(e.currentTarget.value)} />
					<PasswordInput label="Password" name="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
					{error !== null && <Problem error={error} />}
					<Button type="submit" loading={busy} fullWidth mt={4}>
						Log in
					</Button>
				</Stack>
			</form>
			<Text c="dimmed" size="xs" mt="md">
				First time? The user is <b>admin</b>; the generated password was printed by <code>make run</code>, and stands in the file <code>first-password</code> of the server’s user data.
			</Text>
		</Gate>
	);
}
