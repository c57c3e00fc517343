import { Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Logo } from './logo';
import classes from './gate.module.css';

/** The card before the interface: login, change of the generated password. */
export function Gate({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
	return (
		<main className={classes.ground}>
			<div className={classes.card}>
				<div className={classes.brand}>
					<Logo size={34} />
					<span>Flowtrove</span>
				</div>
				<Title order={1} mb={4}>
					{title}
				</Title>
				{text !== undefined && (
					<Text c="dimmed" size="sm">
						{text}
					</Text>
				)}
				<div className={classes.body}>{children}</div>
			</div>
		</main>
	);
}
