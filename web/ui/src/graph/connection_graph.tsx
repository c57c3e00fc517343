import type { GraphProps } from './props';

export default function Placeholder({ view }: GraphProps) {
	return <p>{view.rows.length}</p>;
}
