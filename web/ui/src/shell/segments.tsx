// One of a few, side by side: radio buttons.  (Mantine's SegmentedControl measures where its pill goes, which lays the whole
// page out once for each of them while a screen is drawn.)
import { useId } from 'react';
import classes from './segments.module.css';

export interface Segment {
	value: string;
	label: string;
	disabled?: boolean;
}

export function Segments({ label, data, value, onChange }: { label: string; data: Segment[]; value: string; onChange: (v: string) => void }) {
	const name = useId();
	return (
		<div className={classes.segments} role="radiogroup" aria-label={label}>
			{data.map((s) => (
				<label key={s.value} className={classes.segment}>
					<input type="radio" name={name} value={s.value} checked={s.value === value} disabled={s.disabled} onChange={() => onChange(s.value)} />
					<span>{s.label}</span>
				</label>
			))}
		</div>
	);
}
