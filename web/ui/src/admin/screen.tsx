// Administration: a list of parts at the side, one part at a time.
import { Suspense } from 'react';
import { Fence, Waiting } from '@/shell/parts';
import { Link, usePlace } from '@/shell/router';
import { sections } from './sections';
import classes from './admin.module.css';

export default function Administration() {
	const { path } = usePlace();
	const name = path.split('/')[2] ?? '';
	const here = sections.find((s) => s.path === name) ?? sections[0];
	if (!here) return null;
	return (
		<div className={classes.screen}>
			<nav className={`${classes.side} no-print`} aria-label="Administration">
				{sections.map((s) => (
					<Link key={s.path} to={`/admin/${s.path}`} className={classes.link} data-active={s === here || undefined} aria-current={s === here ? 'page' : undefined}>
						<s.icon size={16} stroke={1.7} />
						{s.title}
					</Link>
				))}
			</nav>
			<div>
				<Fence name={here.path}>
					<Suspense fallback={<Waiting />}>
						<here.view />
					</Suspense>
				</Fence>
			</div>
		</div>
	);
}
