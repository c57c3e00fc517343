// Small pieces that every screen uses.
import { Alert, Button, Center, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react';
import { Component, type ReactNode } from 'react';
import { trouble } from '@/words/errors';
import classes from './parts.module.css';

/** What went wrong in words, with a retry where that may help. */
export function Problem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
	const t = trouble(error);
	return (
		<Alert role="alert" color={t.retry ? 'yellow' : 'red'} variant="light" icon={<IconAlertTriangle size={18} />} title={t.title}>
			<Text size="sm" className={classes.words}>
				{t.text}
			</Text>
			{t.retry && onRetry && (
				<Button mt="xs" size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={onRetry}>
					Try again
				</Button>
			)}
		</Alert>
	);
}

export function Waiting({ children }: { children?: ReactNode }) {
	return (
		<Center mih={160}>
			<Group gap="sm">
				<Loader size="sm" />
				<Text c="dimmed" size="sm">
					{children ?? 'Loading …'}
				</Text>
			</Group>
		</Center>
	);
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
	return (
		<Center mih={160} p="md">
			<Stack gap={4} align="center" maw={480}>
				<Text fw={600}>{title}</Text>
				<Text c="dimmed" size="sm" ta="center" component="div">
					{children}
				</Text>
			</Stack>
		</Center>
	);
}

/** A screen of ordinary width with a heading; `wide` for tables. */
export function Page({ title, aside, wide, children }: { title: string; aside?: ReactNode; wide?: boolean; children: ReactNode }) {
	return (
		<div className={wide ? classes.wide : classes.page}>
			<Group justify="space-between" mb="md" gap="sm">
				<Title order={1}>{title}</Title>
				{aside}
			</Group>
			{children}
		</div>
	);
}

export function Panel({ title, aside, children, pad = true }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; pad?: boolean }) {
	return (
		<section className={classes.panel}>
			{(title !== undefined || aside !== undefined) && (
				<Group justify="space-between" className={classes.head} gap="sm">
					<Title order={2} size="h3">{title}</Title>
					{aside}
				</Group>
			)}
			<div className={pad ? classes.body : undefined}>{children}</div>
		</section>
	);
}

/** What a screen throws while it draws is shown in its place; the rest of the interface goes on. */
export class Fence extends Component<{ children: ReactNode; name: string }, { error: unknown }> {
	override state: { error: unknown } = { error: null };
	static getDerivedStateFromError(error: unknown) {
		return { error };
	}
	override componentDidUpdate(before: { name: string }) {
		if (before.name !== this.props.name && this.state.error !== null) this.setState({ error: null });
	}
	override render() {
		if (this.state.error === null) return this.props.children;
		return (
			<div className={classes.page}>
				<Problem error={this.state.error} onRetry={() => this.setState({ error: null })} />
			</div>
		);
	}
}
