import { Modal, Table } from '@mantine/core';
import { registeredKeys } from './keyboard';
import type { Screen } from './screens';

const NAMES: Record<string, string> = { ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc' };

export function KeyboardHelp({ opened, onClose, screens }: { opened: boolean; onClose: () => void; screens: Screen[] }) {
	const rows: [string[], string][] = [
		[['Ctrl', 'K'], 'Command palette: go anywhere, do anything'],
		...screens.filter((s) => s.key).map((s): [string[], string] => [['g', s.key ?? ''], s.title]),
		...registeredKeys().filter((k) => k.help !== '').map((k): [string[], string] => [[NAMES[k.key] ?? k.key], k.help]),
		[['?'], 'This list'],
	];
	return (
		<Modal opened={opened} onClose={onClose} title="Keyboard" closeButtonProps={{ 'aria-label': 'Close' }}>
			<Table verticalSpacing={6} withRowBorders={false}>
				<Table.Tbody>
					{rows.map(([keys, help], i) => (
						<Table.Tr key={i}>
							<Table.Td w={110}>
								{keys.map((k, j) => (
									<span key={j}>
										{j > 0 && ' '}
										<kbd>{k}</kbd>
									</span>
								))}
							</Table.Td>
							<Table.Td>{help}</Table.Td>
						</Table.Tr>
					))}
				</Table.Tbody>
			</Table>
		</Modal>
	);
}
