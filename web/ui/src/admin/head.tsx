import { Group, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

export function Head({ title, text, children }: { title: string; text?: ReactNode; children?: ReactNode }) {
	return (
		<Group justify="space-between" align="flex-start" mb="md" gap="sm">
			<div style={{ flex: '1 1 320px' }}>
				<Title order={1}>{title}</Title>
				{text !== undefined && (
					<Text c="dimmed" size="sm" maw={720}>
						{text}
					</Text>
				)}
			</div>
			{children}
		</Group>
	);
}
