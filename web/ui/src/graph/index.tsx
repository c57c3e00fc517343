// Pair views as pictures.  Both are loaded when first shown.
//   rows       what is drawn, as in the table under it
//   valueText  how an amount reads
//   onPick     a node (its key) or a link (both keys) was clicked, and where: the caller shows its menu of filters there
import { lazy, Suspense } from 'react';
import { Empty, Waiting } from '@/shell/parts';
import type { PairRow } from './layout';

export type { PairRow } from './layout';
export interface PairProps {
	rows: PairRow[];
	valueText: (v: number) => string;
	onPick: (what: string | [string, string], at: { x: number; y: number }) => void;
	height?: number;
	/** what the ends are, for the description: hosts, countries … */
	what?: string;
}
const Network = lazy(() => import('./network'));
const Sankey = lazy(() => import('./sankey'));

function some(rows: PairRow[]): boolean {
	return rows.some((r) => r.value > 0);
}
const nothing = <Empty title="No pairs to draw">Nothing matches in this time frame.</Empty>;

export function PairGraph(props: PairProps) {
	if (!some(props.rows)) return nothing;
	return (
		<Suspense fallback={<Waiting>Drawing …</Waiting>}>
			<Network {...props} />
		</Suspense>
	);
}
export function PairSankey(props: PairProps) {
	if (!some(props.rows)) return nothing;
	return (
		<Suspense fallback={<Waiting>Drawing …</Waiting>}>
			<Sankey {...props} />
		</Suspense>
	);
}
