// Whose flows: all exporters, one, one of its interfaces; at the border only.
import { Group, Select, Switch } from '@mantine/core';
import { IconRouter } from '@tabler/icons-react';
import { memo } from 'react';
import { useOp } from '@/api/query';
import { Tooltip } from '@/shell/tip';
import type { Scope } from '@/state/view';
import classes from './source.module.css';

/** each value once, and the chosen one even if it is not known */
function unique(list: { value: string; label: string }[], chosen: string | undefined): { value: string; label: string }[] {
	const seen = new Map(list.filter((o) => o.value !== '').map((o) => [o.value, o]));
	if (chosen && !seen.has(chosen)) seen.set(chosen, { value: chosen, label: chosen });
	return [...seen.values()];
}

type Source = Pick<Scope, 'exporter' | 'exporterIf' | 'border'>;

export const SourcePicker = memo(function SourcePicker({ scope, onChange }: { scope: Source; onChange: (s: Partial<Scope>) => void }) {
	const { data } = useOp('exporters.list', {}, { staleTime: 60_000 });
	const one = useOp('exporters.get', { exporter: scope.exporter ?? '' }, { enabled: !!scope.exporter, staleTime: 60_000, retry: false });
	// an address may be listed more than once: behind a proxy, or by several domains
	const exporters = unique((data?.exporters ?? []).map((e) => ({ value: e.address, label: e.name && e.name !== e.address ? `${e.name} (${e.address})` : e.address })), scope.exporter);
	const found = (one.data as { interfaces?: { index: number; name?: string | null; description?: string | null }[]; exporter?: { interfaces?: { index: number; name?: string | null; description?: string | null }[] } } | undefined);
	const interfaces = unique(
		(found?.exporter?.interfaces ?? found?.interfaces ?? []).map((i) => ({ value: String(i.index), label: i.name ? `${i.name}${i.description ? ` – ${i.description}` : ''}` : `Interface ${i.index}` })),
		scope.exporterIf === undefined ? undefined : String(scope.exporterIf),
	);
	return (
		<Group gap={8} wrap="nowrap" className={classes.source}>
			<Select
				size="xs"
				aria-label="Exporter"
				className={classes.exporter}
				leftSection={<IconRouter size={15} stroke={1.7} />}
				data={[{ value: '', label: 'All exporters' }, ...exporters]}
				value={scope.exporter ?? ''}
				allowDeselect={false}
				searchable={exporters.length > 8}
				comboboxProps={{ width: 300, position: 'bottom-start' }}
				onChange={(v) => onChange({ exporter: v || undefined, exporterIf: undefined, exporterVersion: undefined })}
			/>
			{scope.exporter && interfaces.length > 0 && (
				<Select
					size="xs"
					aria-label="Interface"
					className={classes.interface}
					placeholder="All interfaces"
					data={interfaces}
					value={scope.exporterIf === undefined ? null : String(scope.exporterIf)}
					clearable
					searchable
					comboboxProps={{ width: 300, position: 'bottom-start' }}
					onChange={(v) => onChange({ exporterIf: v === null ? undefined : Number(v) })}
				/>
			)}
			<Tooltip label="Count only what passed an external interface: traffic seen by several exporters then counts once">
				<div>
					<Switch size="xs" label="Border" checked={scope.border ?? false} onChange={(e) => onChange({ border: e.currentTarget.checked || undefined })} />
				</div>
			</Tooltip>
		</Group>
	);
});
