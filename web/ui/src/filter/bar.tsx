// The filter of a screen: its text, always, and its lines beside it where it has that form.  Both change a draft; Enter or
// Apply makes it the screen's.
import { ActionIcon, Button, Group, Select, TagsInput, Text, TextInput } from '@mantine/core';
import { IconFilter, IconPlus, IconTrash, IconX } from '@tabler/icons-react';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import { nonce } from '@/shell/nonce';
import { Segments } from '@/shell/segments';
import { Tooltip } from '@/shell/tip';
import type { Editor } from './editor_view';
import { offers, type Offer } from './complete';
import { useGrammar, type Grammar } from './grammar';
import { RELATIONS, fromLines, toLines, type Line, type Lines } from './lines';
import classes from './bar.module.css';

const library = () => import('./editor_view');

/**
 * The editor comes when there is nothing better to do, or when it is wanted: the first chart does not wait for it.
 * Until then a plain box takes what is typed.
 */
function whenIdle(f: () => void): () => void {
	if (typeof requestIdleCallback === 'undefined') {
		const t = setTimeout(f, 500);
		return () => clearTimeout(t);
	}
	const id = requestIdleCallback(f, { timeout: 4000 });
	return () => cancelIdleCallback(id);
}

interface BarProps {
	filter: string;
	mode: 'all' | 'any' | 'raw';
	onApply: (filter: string, mode: 'all' | 'any' | 'raw') => void;
	focusRef?: { current: (() => void) | null };
}

function Values({ line, grammar, onChange }: { line: Line; grammar: Grammar; onChange: (values: string[]) => void }) {
	const [search, setSearch] = useState('');
	const [data, setData] = useState<Offer[]>([]);
	const field = grammar.fields.find((f) => f.name === line.field);
	useEffect(() => {
		const stop = new AbortController();
		const t = setTimeout(() => void offers(field, search, stop.signal).then((o) => !stop.signal.aborted && setData(o)), 120);
		return () => {
			clearTimeout(t);
			stop.abort();
		};
	}, [field, search]);
	const options = useMemo(() => [...new Set(data.map((o) => o.value))], [data]);
	const help = useMemo(() => new Map(data.map((o) => [o.value, o.help])), [data]);
	return (
		<TagsInput
			aria-label={`Values of ${line.field}`}
			size="xs"
			className={classes.values}
			placeholder={line.values.length ? undefined : (field?.expects ?? 'value')}
			value={line.values}
			onChange={onChange}
			searchValue={search}
			onSearchChange={setSearch}
			data={options}
			filter={({ options: o }) => o}
			limit={50}
			splitChars={[',', ' ']}
			acceptValueOnBlur
			maxDropdownHeight={260}
			renderOption={({ option }) => (
				<Group gap={8} wrap="nowrap">
					<Text size="xs" ff="monospace">{option.value}</Text>
					{help.get(option.value) && <Text size="xs" c="dimmed" lineClamp={1}>{help.get(option.value)}</Text>}
				</Group>
			)}
		/>
	);
}

function Builder({ lines, grammar, onChange }: { lines: Line[]; grammar: Grammar; onChange: (l: Line[]) => void }) {
	const fields = useMemo(() => [...new Set(grammar.fields.map((f) => f.name))].map((value) => ({ value, label: value })), [grammar]);
	const help = useMemo(() => new Map(grammar.fields.map((f) => [f.name, f.help])), [grammar]);
	const set = (i: number, l: Partial<Line>) => onChange(lines.map((x, j) => (i === j ? { ...x, ...l } : x)));
	return (
		<div className={classes.lines}>
			{lines.map((l, i) => {
				const ordered = grammar.fields.find((f) => f.name === l.field)?.ordered ?? true;
				return (
					<div key={i} className={classes.line}>
						<Select
							aria-label="Field"
							size="xs"
							className={classes.field}
							placeholder="Field"
							data={l.field === '' || help.has(l.field) ? fields : [{ value: l.field, label: l.field }, ...fields]}
							value={l.field || null}
							searchable
							allowDeselect={false}
							autoFocus={l.field === ''}
							comboboxProps={{ width: 380, position: 'bottom-start' }}
							onChange={(v) => v && set(i, { field: v, values: v === l.field ? l.values : [] })}
							filter={({ options, search }) => {
								const s = search.trim().toLowerCase();
								return options.filter((o) => 'value' in o && (o.value.toLowerCase().includes(s) || (help.get(o.value) ?? '').toLowerCase().includes(s)));
							}}
							renderOption={({ option }) => (
								<Group gap={8} wrap="nowrap">
									<Text size="xs" ff="monospace" w={86}>{option.value}</Text>
									<Text size="xs" c="dimmed" lineClamp={1}>{help.get(option.value)}</Text>
								</Group>
							)}
						/>
						<Select aria-label="Relation" size="xs" className={classes.relation} data={RELATIONS.filter((r) => ordered || !r.ordered)} value={l.relation} allowDeselect={false} onChange={(v) => v && set(i, { relation: v as Line['relation'] })} />
						<Values line={l} grammar={grammar} onChange={(values) => set(i, { values })} />
						<Tooltip label="Remove this line">
							<ActionIcon aria-label="Remove this line" onClick={() => onChange(lines.filter((_, j) => j !== i))}>
								<IconTrash size={15} />
							</ActionIcon>
						</Tooltip>
					</div>
				);
			})}
			<Button size="compact-xs" variant="subtle" leftSection={<IconPlus size={13} />} onClick={() => onChange([...lines, { field: '', relation: 'is', values: [] }])}>
				Add a line
			</Button>
		</div>
	);
}

export const FilterBar = memo(function FilterBar({ filter, mode, onApply, focusRef }: BarProps) {
	const grammar = useGrammar();
	const latestGrammar = useRef(grammar);
	latestGrammar.current = grammar;
	const [draft, setDraft] = useState(filter);
	const [face, setFace] = useState(mode);
	const [open, setOpen] = useState(false);
	// lines keep what is not complete yet; the text does not have it
	const [lines, setLines] = useState<Line[] | null>(null);
	const [word, setWord] = useState<string | null>(null);
	const [ready, setReady] = useState(false);
	const [wanted, setWanted] = useState(false);
	const plain = useRef<HTMLInputElement>(null);
	const latestDraft = useRef(draft);
	latestDraft.current = draft;
	const box = useRef<HTMLDivElement>(null);
	const editor = useRef<Editor | null>(null);

	const parsed: Lines | undefined = useMemo(() => toLines(draft, face === 'any' ? 'any' : 'all'), [draft, face]);
	const apply = () => onApply(draft.trim(), face !== 'raw' && parsed ? parsed.mode : face === 'raw' ? 'raw' : 'all');
	const run = useRef(apply);
	run.current = apply;

	useEffect(() => {
		setDraft(filter);
		setLines(null);
		setFace(toLines(filter) === undefined ? 'raw' : mode);
		editor.current?.set(filter);
	}, [filter, mode]);
	useEffect(() => {
		if (!wanted) return whenIdle(() => setWanted(true));
		let gone = false;
		void library().then(({ mount }) => {
			if (gone || !box.current) return;
			const focused = document.activeElement === plain.current;
			editor.current = mount(box.current, {
				text: latestDraft.current,
				nonce: nonce(),
				label: 'Filter',
				grammar: () => latestGrammar.current,
				onChange: (t) => {
					setDraft(t);
					setLines(null);
				},
				onRun: () => run.current(),
				onWord: setWord,
			});
			if (focused) editor.current.focus();
			setReady(true);
		});
		return () => {
			gone = true;
			editor.current?.destroy();
			editor.current = null;
		};
		// the editor is made once; its text follows below
	}, [wanted]);
	useEffect(() => {
		if (focusRef) focusRef.current = () => (editor.current ?? plain.current)?.focus();
	}, [focusRef, ready]);

	const shownLines = lines ?? parsed?.lines;
	const build = (l: Line[], as: 'all' | 'any') => {
		setLines(l);
		const text = fromLines({ mode: as, lines: l });
		setDraft(text);
		editor.current?.set(text);
	};
	const choose = (v: string) => {
		const next = v as typeof face;
		if (next !== 'raw') {
			setOpen(true);
			if (shownLines) build(shownLines.length ? shownLines : [{ field: '', relation: 'is', values: [] }], next);
		} else setOpen(false);
		setFace(next);
	};
	const changed = draft.trim() !== filter.trim();
	const current = face !== 'raw' && parsed && (lines ? face : parsed.mode);
	return (
		<section className={classes.bar} aria-label="Filter">
			<div className={classes.row}>
				<Tooltip label={parsed ? 'Filter by lines' : 'This filter has no form of lines; edit its text'}>
					<ActionIcon variant={open ? 'light' : 'subtle'} color={open ? undefined : 'gray'} size="lg" aria-label="Filter by lines" aria-expanded={open} onClick={() => { if (!open && shownLines?.length === 0) build([{ field: '', relation: 'is', values: [] }], face === 'any' ? 'any' : 'all'); setOpen(!open); }} disabled={!parsed && !lines}>
						<IconFilter size={17} stroke={1.7} />
					</ActionIcon>
				</Tooltip>
				<div className={classes.text} data-wrong={word !== null || undefined}>
					<div ref={box} className={classes.editor} />
					{!ready && <TextInput ref={plain} aria-label="Filter" variant="unstyled" className={classes.fallback} value={draft} onFocus={() => setWanted(true)} onChange={(e) => { setDraft(e.currentTarget.value); setLines(null); }} onKeyDown={(e) => e.key === 'Enter' && run.current()} />}
					{draft !== '' && (
						<ActionIcon className={classes.clear} aria-label="Clear the filter" size="sm" onClick={() => onApply('', 'all')}>
							<IconX size={14} />
						</ActionIcon>
					)}
				</div>
				<Segments
					label="How lines are joined"
					data={[{ value: 'all', label: 'ALL', disabled: !shownLines }, { value: 'any', label: 'ANY', disabled: !shownLines }, { value: 'raw', label: 'Raw' }]}
					value={current || 'raw'}
					onChange={choose}
				/>
				<Button size="xs" variant={changed ? 'filled' : 'default'} disabled={!changed} onClick={apply}>
					Apply
				</Button>
			</div>
			{open && face !== 'raw' && shownLines && <Builder lines={shownLines} grammar={grammar} onChange={(l) => build(l, face === 'any' ? 'any' : 'all')} />}
			{word !== null && (
				<Text role="alert" size="xs" className={classes.word}>
					{word}
				</Text>
			)}
			{draft.length > 200 && <Text size="xs" c="dimmed">{draft.length} characters of 65,536</Text>}
		</section>
	);
});
