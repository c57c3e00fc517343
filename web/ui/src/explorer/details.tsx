// One session with every field it has, each a filter.
import { ActionIcon, Button, Drawer, Group, Stack, Text, Title } from '@mantine/core';
import { IconFilter, IconFilterOff } from '@tabler/icons-react';
import { Tooltip } from '@/shell/tip';
import { COLUMNS, filterOf, textOf, type Column, type Row } from './columns';
import classes from './explorer.module.css';

const GROUPS: Column['group'][] = ['Session', 'Time', 'Client', 'Server', 'Traffic', 'Application', 'Exporter', 'Routing', 'Firewall and NAT'];

export function Details({ row, zone, onClose, onFilter, onWhole }: { row: Row | null; zone: string; onClose: () => void; onFilter: (f: string, out: boolean) => void; onWhole?: (id: string) => void }) {
	return (
		<Drawer opened={row !== null} onClose={onClose} position="right" size={460} title="Session" closeButtonProps={{ 'aria-label': 'Close' }}>
			{row && (
				<Stack gap="md">
					{onWhole && row.session_id !== null && (
						<Group>
							<Button size="xs" variant="default" onClick={() => onWhole(String(row.session_id))}>
								Only this session, outside the frame too
							</Button>
						</Group>
					)}
					{GROUPS.map((g) => {
						const fields = COLUMNS.filter((c) => c.group === g && textOf(c, row, zone) !== '');
						if (fields.length === 0) return null;
						return (
							<section key={g}>
								<Title order={4} mb={4}>
									{g}
								</Title>
								<dl className={classes.fields}>
									{fields.map((c) => {
										const f = filterOf(c, row);
										return (
											<div key={c.key} className={classes.field}>
												<Text component="dt" size="sm" c="dimmed">
													{c.title}
												</Text>
												<dd className={classes.value}>
													<span>{textOf(c, row, zone)}</span>
													{f !== '' && (
														<span className={classes.acts}>
															<Tooltip label={f}>
																<ActionIcon size="sm" aria-label={`Filter on ${c.title}`} onClick={() => onFilter(f, false)}>
																	<IconFilter size={14} />
																</ActionIcon>
															</Tooltip>
															<Tooltip label={`!(${f})`}>
																<ActionIcon size="sm" aria-label={`Filter out ${c.title}`} onClick={() => onFilter(f, true)}>
																	<IconFilterOff size={14} />
																</ActionIcon>
															</Tooltip>
														</span>
													)}
												</dd>
											</div>
										);
									})}
								</dl>
							</section>
						);
					})}
				</Stack>
			)}
		</Drawer>
	);
}
