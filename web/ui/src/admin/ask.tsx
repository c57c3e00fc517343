// Dialogs that every part of the administration uses.
import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { Problem } from '@/shell/parts';

/** A dialog with a form.  `act` does the deed; what goes wrong is shown in it, and it stays open. */
export function Ask({ title, verb, danger, opened, onClose, act, ready = true, wide, children }: {
	title: string;
	verb: string;
	danger?: boolean;
	opened: boolean;
	onClose: () => void;
	act: () => Promise<unknown>;
	ready?: boolean;
	wide?: boolean;
	children: ReactNode;
}) {
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState<unknown>(null);
	const close = () => {
		setError(null);
		onClose();
	};
	const submit = (e: FormEvent) => {
		e.preventDefault();
		e.stopPropagation();
		setBusy(true);
		setError(null);
		act()
			.then(close, setError)
			.finally(() => setBusy(false));
	};
	return (
		<Modal opened={opened} onClose={close} title={title} size={wide ? 'lg' : 'md'} closeButtonProps={{ 'aria-label': 'Close' }}>
			<form onSubmit={submit}>
				<Stack gap="sm">
					{typeof children === 'string' ? <Text size="sm">{children}</Text> : children}
					{error !== null && <Problem error={error} />}
					<Group justify="flex-end" gap="xs" mt={4}>
						<Button variant="default" onClick={close}>
							Cancel
						</Button>
						<Button type="submit" color={danger ? 'red' : undefined} loading={busy} disabled={!ready}>
							{verb}
						</Button>
					</Group>
				</Stack>
			</form>
		</Modal>
	);
}
