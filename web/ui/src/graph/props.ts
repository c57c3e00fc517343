import type { Reply } from '@/api/client';

export type View = Reply<'stat'>['view'];
export type Row = View['rows'][number];

/** What a picture of a pair view gets. */
export interface GraphProps {
	view: View;
	/** a value in the chosen unit */
	amount: (v: number) => string;
	label: (key: string) => string;
	onPick: (key: string, at: { x: number; y: number }) => void;
}
