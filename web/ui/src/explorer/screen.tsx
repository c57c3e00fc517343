// The session explorer: every session of a frame and filter, or of a saved file.  State is in the address (link.ts).
import { ActionIcon, Button, CloseButton, FileButton, Group, Menu, NumberInput, Progress, Switch, Text, TextInput } from '@mantine/core';
import { IconArrowBarToDown, IconChartAreaLine, IconCopy, IconDownload, IconFilter, IconFilterOff, IconFolderOpen, IconSearch } from '@tabler/icons-react';
import { notifications } from '@mantine/notifications';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { opCsv, type Progress as QueryProgress } from '@/api/client';
import { useKeys } from '@/shell/keyboard';
import { Empty, Problem, Waiting } from '@/shell/parts';
import { navigate, usePlace } from '@/shell/router';
import { Tooltip } from '@/shell/tip';
import { usePref } from '@/state/prefs';
import { useZone } from '@/state/zone';
import { FilterBar } from '@/filter/bar';
import { TimeControl } from '@/time/control';
import { bytes, count, milliseconds } from '@/words/format';
import { dateTime } from '@/words/clock';
import { trouble as inWords } from '@/words/errors';
import { Chooser } from './chooser';
import { COLUMN, filterOf, textOf, USUAL, type Column, type Row } from './columns';
import { SavedFile } from './csv';
import { Details } from './details';
import { explorerLink, explorerState, sessionsRequest, workspaceLink, type ExplorerState } from './link';
import { FileRows, ServerRows, type Source } from './rows';
import { bothFilters, searchFilter } from './search';
import { Table } from './table';
import classes from './explorer.module.css';
import table from './table.module.css';

interface CellMenu {
	column: Column;
	row: Row;
	at: { x: number; y: number };
}

function save(blob: Blob, name: string): void {
	const a = document.createElement('a');
	a.href = URL.createObjectURL(blob);
	a.download = name;
	a.click();
	setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

export default function Explorer() {
	const { search } = usePlace();
	const state = useMemo(() => explorerState(search), [search]);
	const [zone] = useZone();
	const [keys, setKeys] = usePref<string[]>('explorer.columns', USUAL);
	const [widths, setWidths] = usePref<Record<string, number>>('explorer.widths', {});
	const [file, setFile] = useState<SavedFile | null>(null);
	const [source, setSource] = useState<Source | null>(null);
	const [version, setVersion] = useState(0);
	const [error, setError] = useState<unknown>(null);
	const [progress, setProgress] = useState<QueryProgress | null>(null);
	const [selected, setSelected] = useState(-1);
	const [opened, setOpened] = useState<Row | null>(null);
	const [menu, setMenu] = useState<CellMenu | null>(null);
	const [typed, setTyped] = useState(state.search);
	const [saving, setSaving] = useState<AbortController | null>(null);
	const [again, setAgain] = useState(0);
	const searchBox = useRef<HTMLInputElement>(null);
	const openTime = useRef<(() => void) | null>(null);
	const focusFilter = useRef<(() => void) | null>(null);
	const columns = useMemo(() => keys.map((k) => COLUMN.get(k)).filter((c): c is Column => c !== undefined), [keys]);

	const set = useCallback((change: Partial<ExplorerState>) => navigate(explorerLink({ ...explorerState(search), ...change })), [search]);
	useEffect(() => setTyped(state.search), [state.search]);

	useEffect(() => {
		setSelected(-1);
		setError(null);
		const sorting = { by: state.sort, descending: state.descending };
		if (file) {
			setSource(new FileRows(file, sorting, state.search));
			setProgress(null);
			return;
		}
		const rows = new ServerRows(sessionsRequest(state), sorting, () => { setError(null); setVersion((n) => n + 1); }, setError, setProgress);
		setSource(rows);
		setProgress({});
		return () => rows.close();
	}, [state, file, again]);

	const server = source instanceof ServerRows ? source : null;
	const summary = server?.summary;
	const ready = source !== null && (file !== null || summary !== undefined);

	const filterOn = (f: string, out: boolean) => {
		setOpened(null);
		setMenu(null);
		setFile(null);
		set({ filter: bothFilters(state.filter, out ? `!(${f})` : f) });
	};
	const open = (chosen: File | null) => {
		if (!chosen) return;
		chosen
			.text()
			.then((text) => {
				setFile(new SavedFile(chosen.name, text));
				setTyped('');
				if (state.search) set({ search: '' });
			})
			.catch((e: unknown) => notifications.show({ color: 'red', title: `${chosen.name} can’t be opened`, message: e instanceof Error ? e.message : String(e) }));
	};
	const download = () => {
		const stop = new AbortController();
		setSaving(stop);
		// the frame that is shown, however long ago it was asked for
		const frame = summary ? { from: summary.from_us, to: summary.to_us, last: undefined } : {};
		opCsv('sessions', { ...sessionsRequest(state), ...frame }, stop.signal)
			.then((blob) => save(blob, `sessions-${dateTime(summary?.from_us ?? 0, zone).replace(/[ :]/g, '-')}.csv`))
			.catch((e: unknown) => {
				if (e instanceof DOMException && e.name === 'AbortError') return;
				const t = inWords(e);
				notifications.show({ color: 'red', title: t.title, message: t.text });
			})
			.finally(() => setSaving(null));
	};
	const sortable = (c: Column) => file !== null || c.sort !== undefined;
	const move = (key: string, before: string) => {
		if (key === before || !keys.includes(key)) return;
		const rest = keys.filter((k) => k !== key);
		rest.splice(rest.indexOf(before), 0, key);
		setKeys(rest);
	};

	useKeys([
		{ key: '/', help: 'The filter', run: () => focusFilter.current?.() },
		{ key: 'f', help: 'Search sessions', run: () => searchBox.current?.focus() },
		{ key: 't', help: 'The time frame', run: () => openTime.current?.() },
		{ key: 'r', help: 'Ask again', run: () => setAgain((n) => n + 1) },
	]);

	const total = source?.total ?? 0;
	return (
		<div className={classes.screen}>
			<h1 className="visually-hidden">Sessions</h1>
			{file ? (
				<div className={classes.file}>
					<IconFolderOpen size={16} stroke={1.7} />
					<Text size="sm" className={classes.grow}>
						<strong>{file.name}</strong>, a saved file: what you see is in the file, not on the server
					</Text>
					<Button size="xs" variant="default" onClick={() => setFile(null)}>
						Close file
					</Button>
				</div>
			) : (
				<>
					<div className={classes.bar}>
						<TimeControl
							frame={state}
							onFrame={(f) => set({ from: f.from, to: f.to })}
							refresh={0}
							onRefresh={() => undefined}
							onReload={() => setAgain((n) => n + 1)}
							busy={progress !== null}
							openRef={openTime}
							shown={summary ? { fromMs: summary.from_us / 1000, toMs: summary.to_us / 1000 } : undefined}
						/>
					</div>
					<FilterBar filter={state.filter} mode={state.mode} onApply={(filter, mode) => set({ filter, mode })} focusRef={focusFilter} />
				</>
			)}
			<div className={classes.bar}>
				<TextInput
					ref={searchBox}
					className={classes.grow}
					aria-label="Search sessions"
					placeholder={file ? 'Search the file' : 'Search: an address, a port, TCP, AS3320, DE, an application'}
					leftSection={<IconSearch size={15} />}
					value={typed}
					onChange={(e) => setTyped(e.currentTarget.value)}
					onKeyDown={(e) => e.key === 'Enter' && set({ search: typed.trim() })}
					rightSection={typed !== '' && <CloseButton size="sm" aria-label="Clear search" onClick={() => { setTyped(''); set({ search: '' }); }} />}
				/>
				<NumberInput
					w={130}
					aria-label="Go to row"
					placeholder="Go to row"
					hideControls
					min={1}
					max={Math.max(1, total)}
					allowDecimal={false}
					thousandSeparator=","
					leftSection={<IconArrowBarToDown size={15} />}
					disabled={total === 0}
					onKeyDown={(e) => {
						if (e.key !== 'Enter') return;
						const n = Number(e.currentTarget.value.replaceAll(',', ''));
						if (n >= 1) setSelected(Math.min(total, Math.floor(n)) - 1);
					}}
				/>
				{!file && (
					<Tooltip label="Add what a session did outside the time frame to its figures" multiline w={240}>
						<Switch size="sm" label="Whole sessions" checked={state.whole} onChange={(e) => set({ whole: e.currentTarget.checked })} />
					</Tooltip>
				)}
				<Chooser shown={keys} onChange={setKeys} onReset={() => setKeys(USUAL)} />
				<FileButton onChange={open} accept=".csv,text/csv">
					{(props) => (
						<Button {...props} variant="default" leftSection={<IconFolderOpen size={15} />}>
							Open
						</Button>
					)}
				</FileButton>
				{!file &&
					(saving ? (
						<Button variant="default" onClick={() => saving.abort()}>
							Stop saving
						</Button>
					) : (
						<Button variant="default" leftSection={<IconDownload size={15} />} onClick={download} disabled={!ready || total === 0}>
							Save CSV
						</Button>
					))}
				{!file && (
					<Group gap={2}>
						<Tooltip label="Show in the workspace">
							<ActionIcon size="lg" variant="default" aria-label="Show in the workspace" onClick={() => navigate(workspaceLink(state))}>
								<IconChartAreaLine size={16} />
							</ActionIcon>
						</Tooltip>
					</Group>
				)}
			</div>
			<div className={classes.progress}>{progress && <Progress size={3} aria-label="The query runs" value={(progress.part ?? 1) * 100} animated={progress.part === undefined} />}</div>
			{error !== null && <Problem error={error} onRetry={() => (server?.summary ? server.retry() : setAgain((n) => n + 1))} />}
			<div className={classes.status} role="status">
				{ready && (
					<span>
						<strong data-testid="sessions-total">{count(total)}</strong> {total === 1 ? 'session' : 'sessions'}
						{file && total !== file.records.length ? ` of ${count(file.records.length)}` : ''}
					</span>
				)}
				{summary && (
					<>
						<span>{bytes(summary.bytes)}</span>
						<span>
							{dateTime(summary.from_us, zone)} – {dateTime(summary.to_us, zone)} <span>{zone}</span>
						</span>
						<span>
							{count(summary.rows_scanned)} rows from {summary.source === 'ram' ? 'RAM' : summary.source === 'disk' ? 'disk' : 'RAM and disk'} in {milliseconds(summary.elapsed_ms)}
						</span>
					</>
				)}
				{searchFilter(state.search) !== '' && !file && <span>searched by {searchFilter(state.search)}</span>}
				<span className={classes.spacer} />
				{summary && total > 0 && (
					<>
						<span className={table.key} data-cross="before">
							began before the frame
						</span>
						<span className={table.key} data-cross="after">
							goes on after it, or did not end yet
						</span>
						<span className={table.key} data-cross="both">
							both
						</span>
					</>
				)}
			</div>
			{!ready && error === null ? (
				<Waiting>The server looks for the sessions …</Waiting>
			) : ready && total === 0 ? (
				<Empty title={file ? 'Nothing in the file matches' : 'No sessions'}>{file ? 'Clear the search to see all of it.' : 'No session of this time frame matches the filter and the search. A longer frame, or a wider filter, may find some.'}</Empty>
			) : (
				source &&
				ready && (
					<Table
						columns={columns}
						source={source}
						version={version}
						sorting={{ by: state.sort, descending: state.descending }}
						sortable={sortable}
						onSort={(by) => set({ sort: by, descending: state.sort === by ? !state.descending : by !== 'first_us' && by !== 'client_ip' && by !== 'server_ip' })}
						widths={widths}
						onWidth={(key, width) => setWidths({ ...widths, [key]: Math.round(width) })}
						onMove={move}
						zone={zone}
						frame={summary ? { fromUs: summary.from_us, toUs: summary.to_us } : undefined}
						selected={selected}
						onSelect={setSelected}
						onOpen={setOpened}
						onCell={(column, row, at) => setMenu({ column, row, at })}
					/>
				)
			)}
			<Details row={opened} zone={zone} onClose={() => setOpened(null)} onFilter={filterOn} onWhole={file ? undefined : (id) => { setOpened(null); set({ filter: `SESSION == ${id}`, search: '', whole: true }); }} />
			<Menu opened={menu !== null} onClose={() => setMenu(null)} position="bottom-start" width={280}>
				<Menu.Target>
					<button type="button" tabIndex={-1} aria-label="The value clicked on" style={{ position: 'fixed', left: menu?.at.x ?? 0, top: menu?.at.y ?? 0, width: 1, height: 1, padding: 0, border: 0, opacity: 0, pointerEvents: 'none' }} />
				</Menu.Target>
				<Menu.Dropdown>
					{menu && (
						<>
							<Menu.Label>
								{menu.column.title}: {textOf(menu.column, menu.row, zone)}
							</Menu.Label>
							<Menu.Item leftSection={<IconFilter size={15} />} onClick={() => filterOn(filterOf(menu.column, menu.row), false)}>
								Only this
							</Menu.Item>
							<Menu.Item leftSection={<IconFilterOff size={15} />} onClick={() => filterOn(filterOf(menu.column, menu.row), true)}>
								All but this
							</Menu.Item>
							<Menu.Item leftSection={<IconCopy size={15} />} onClick={() => void navigator.clipboard?.writeText(textOf(menu.column, menu.row, zone))}>
								Copy
							</Menu.Item>
							<Menu.Divider />
							<Menu.Item onClick={() => setOpened(menu.row)}>All fields of this session</Menu.Item>
						</>
					)}
				</Menu.Dropdown>
			</Menu>
		</div>
	);
}
