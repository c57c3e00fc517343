// A friendly name for a value: one's own, or for all if one is an administrator.
import { Button, Group, Modal, Radio, Stack, TextInput } from '@mantine/core';
import { useEffect, useState, useSyncExternalStore, type FormEvent } from 'react';
import { opLoose } from '@/api/client';
import { queryClient } from '@/api/query';
import { Problem } from '@/shell/parts';
import { useMe } from '@/state/me';

interface Wanted {
	kind: string;
	key: string;
	name?: string;
}
let wanted: Wanted | null = null;
const listeners = new Set<() => void>();
const set = (w: Wanted | null): void => {
	wanted = w;
	for (const l of listeners) l();
};
export const openNameDialog = (w: Wanted): void => set(w);

export function NameDialog() {
	const me = useMe();
	const w = useSyncExternalStore(
		(f) => {
			listeners.add(f);
			return () => listeners.delete(f);
		},
		() => wanted,
	);
	const [name, setName] = useState('');
	const [whose, setWhose] = useState('me');
	const [error, setError] = useState<unknown>(null);
	const [busy, setBusy] = useState(false);
	useEffect(() => {
		setName(w?.name ?? '');
		setError(null);
	}, [w]);
	if (!w) return null;
	const done = (p: Promise<unknown>) => {
		setBusy(true);
		p.then(
			() => {
				void queryClient.invalidateQueries({ queryKey: ['stat'] });
				void queryClient.invalidateQueries({ queryKey: ['names.list'] });
				set(null);
			},
			setError,
		).finally(() => setBusy(false));
	};
	const save = (e: FormEvent) => {
		e.preventDefault();
		done(opLoose('names.set', { kind: w.kind, key: w.key, name: name.trim(), for: whose }));
	};
	return (
		<Modal opened onClose={() => set(null)} title={`Friendly name of ${w.key}`} closeButtonProps={{ 'aria-label': 'Close' }}>
			<form onSubmit={save}>
				<Stack gap="sm">
					<TextInput label="Name" description="Shown in its place everywhere; the value stays beside it" value={name} maxLength={64} data-autofocus onChange={(e) => setName(e.currentTarget.value)} />
					{me.admin && (
						<Radio.Group label="For" value={whose} onChange={setWhose}>
							<Group mt={4}>
								<Radio value="me" label="me" />
								<Radio value="all" label="everybody" />
							</Group>
						</Radio.Group>
					)}
					{error !== null && <Problem error={error} />}
					<Group justify="space-between">
						<Button variant="subtle" color="red" onClick={() => done(opLoose('names.delete', { kind: w.kind, key: w.key, for: whose }))}>
							Take it away
						</Button>
						<Button type="submit" loading={busy} disabled={name.trim() === ''}>
							Save
						</Button>
					</Group>
				</Stack>
			</form>
		</Modal>
	);
}
