import { TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { ExplorerState } from './link';

export function FrameBox({ state, onChange }: { state: ExplorerState; onChange: (s: Partial<ExplorerState>) => void }) {
	const [text, setText] = useState(state.last ?? '');
	return <TextInput w={120} aria-label="Time frame" value={text} onChange={(e) => setText(e.currentTarget.value)} onKeyDown={(e) => e.key === 'Enter' && onChange({ last: text, from: undefined, to: undefined })} />;
}
export function FilterBox({ value, onChange }: { value: string; onChange: (f: string) => void; error: unknown }) {
	const [text, setText] = useState(value);
	useEffect(() => setText(value), [value]);
	return <TextInput aria-label="Filter" value={text} onChange={(e) => setText(e.currentTarget.value)} onKeyDown={(e) => e.key === 'Enter' && onChange(text)} />;
}
