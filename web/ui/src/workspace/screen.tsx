// The workspace: source, time and filter above, the views below.  All of its state is its address.
import { ActionIcon, Button, CopyButton, Group, Menu, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconBookmark, IconCheck, IconCode, IconCopy, IconDeviceFloppy, IconDownload, IconFileTypeCsv, IconLink, IconListDetails, IconPhoto, IconPin, IconPrinter, IconShare } from '@tabler/icons-react';
import { useIsFetching } from '@tanstack/react-query';
import { memo, useCallback, useEffect, useMemo, useRef, type ComponentProps } from 'react';
import { useOp } from '@/api/query';
import { FilterBar } from '@/filter/bar';
import { useKeys } from '@/shell/keyboard';
import { useCommands, type Command } from '@/shell/palette';
import { base, currentPlace, navigate } from '@/shell/router';
import { Tooltip } from '@/shell/tip';
import { useZone } from '@/state/zone';
import { frameSearch, workspaceSearch, type Workspace } from '@/state/view';
import { TimeControl } from '@/time/control';
import { describe, pinned, resolveFrame, shifted, zoomedOut, type Frame } from '@/time/frame';
import { serverNowMs, setServerNow } from '@/words/clock';
import { trouble } from '@/words/errors';
import { preload } from './chart';
import { callsOf, saveCsv, savePng } from './export';
import { NameDialog } from './name_dialog';
import { SaveDialog, SavedDrawer, WorkspaceIcon, openSaved } from './saved';
import { SourcePicker } from './source';
import { readWorkspace, useWorkspace, type Change } from './state';
import { Tabs } from './tabs';
import { ValueMenu } from './value_menu';
import { ViewPanel, type PanelShown } from './view_panel';
import { entityWords, viewTitle } from './words';
import classes from './screen.module.css';

preload();

function Code({ label, text }: { label: string; text: string }) {
	return (
		<div>
			<Group justify="space-between" mb={4}>
				<Text size="sm" fw={600}>{label}</Text>
				<CopyButton value={text}>
					{({ copied, copy }) => (
						<Button size="compact-xs" variant="default" leftSection={copied ? <IconCheck size={13} /> : <IconCopy size={13} />} onClick={copy}>
							{copied ? 'Copied' : 'Copy'}
						</Button>
					)}
				</CopyButton>
			</Group>
			<pre className={classes.code} tabIndex={0}>{text}</pre>
		</div>
	);
}

/** what the palette offers here; draws nothing */
const Commands = memo(function Commands({ change, onSave, onCsv, onCode }: { change: Change; onSave: () => void; onCsv: () => void; onCode: () => void }) {
	const examples = useOp('workspaces.list', {}, { staleTime: 60_000, retry: false });
	const commands = useMemo((): Command[] => {
		const views: [string, string, string][] = [['IP', 'BYTES', 'hosts'], ['IPPAIR', 'BYTES', 'pairs'], ['PORTPROTO', 'BYTES', 'ports'], ['APP', 'BYTES', 'applications'], ['COUNTRY', 'BYTES', 'countries'], ['ASN', 'BYTES', 'as'], ['EXPORTER', 'BYTES', 'exporters'], ['IP', 'UNIQUE IP', 'peers scan'], ['IP', 'SESSIONS', 'sessions']];
		return [
			...views.map(([entity, c, words]): Command => ({ id: `view-${entity}-${c}`, label: viewTitle({ entity, count: c, direction: 'total' }), words, run: () => change((now) => ({ views: now.views.map((v, i) => (i === now.tab ? { entity, count: c, direction: 'total' as const } : v)), sort: '' })) })),
			...(examples.data?.workspaces ?? []).slice(0, 60).map((s): Command => ({ id: `ws-${s.id}`, label: s.name, description: s.description || undefined, words: 'workspace saved', icon: <WorkspaceIcon name={s.icon} />, run: () => void openSaved(s.id).catch(say) })),
			{ id: 'ws-save', label: 'Save this workspace', run: onSave },
			{ id: 'ws-csv', label: 'Save as CSV', run: onCsv },
			{ id: 'ws-api', label: 'The API call for this view', run: onCode },
		];
	}, [examples.data, change, onSave, onCsv, onCode]);
	useCommands('Workspace', commands);
	return null;
});

/** relative frames go by the server's clock */
function ServerClock() {
	const { data } = useOp('status', {}, { refetchInterval: 60_000 });
	useEffect(() => {
		if (data) setServerNow(data.now_us);
	}, [data]);
	return null;
}

/** the control of time, which shows that a view is asked for */
function Time(props: Omit<ComponentProps<typeof TimeControl>, 'busy'>) {
	return <TimeControl {...props} busy={useIsFetching({ queryKey: ['stat'] }) > 0} />;
}

const say = (e: unknown) => notifications.show({ color: 'red', title: trouble(e).title, message: trouble(e).text });

export default function WorkspaceScreen() {
	const [w, change] = useWorkspace();
	const [zone] = useZone();
	const shown = useRef<PanelShown | null>(null);
	const reload = useRef<() => void>(() => undefined);
	const focusFilter = useRef<(() => void) | null>(null);
	const openTime = useRef<(() => void) | null>(null);
	const [saving, saveDialog] = useDisclosure(false);
	const [list, listDrawer] = useDisclosure(false);
	const [code, codeDialog] = useDisclosure(false);
	const saved = useOp('workspaces.get', { workspace: w.saved ?? '' }, { enabled: !!w.saved, retry: false });
	const spec = w.views[w.tab] ?? w.views[0];
	const title = spec ? viewTitle(spec) : 'View';
	const setFrame = useCallback((f: Frame) => change({ from: f.from, to: f.to }), [change]);
	const frame = useMemo((): Frame => ({ from: w.from, to: w.to }), [w.from, w.to]);
	const source = useMemo(() => ({ exporter: w.exporter, exporterIf: w.exporterIf, border: w.border }), [w.exporter, w.exporterIf, w.border]);
	const onFilter = useCallback((filter: string, mode: Workspace['mode']) => {
		const same = filter === readWorkspace(currentPlace().search).filter.trim();
		change(same ? { mode } : { filter, mode }, { replace: same });
	}, [change]);
	const onRefresh = useCallback((s: number) => change({ refresh: s }, { replace: true }), [change]);
	const onReload = useCallback(() => reload.current(), []);
	const onShown = useCallback((s: PanelShown | null) => {
		shown.current = s;
	}, []);
	const move = (f: (now: number) => Frame) => {
		try {
			setFrame(f(serverNowMs()));
		} catch {
			// a frame that can't be read can't be moved
		}
	};
	useKeys([
		{ key: '/', help: 'Filter', run: () => focusFilter.current?.() },
		{ key: 't', help: 'Time', run: () => openTime.current?.() },
		{ key: '[', help: 'The time before', run: () => move((now) => shifted(w, -1, now, zone)) },
		{ key: ']', help: 'The time after', run: () => move((now) => shifted(w, 1, now, zone)) },
		{ key: '-', help: 'Zoom out', run: () => move((now) => zoomedOut(w, now, zone)) },
		{ key: 'r', help: 'Refresh', run: () => reload.current() },
		{ key: 's', help: 'Sessions behind this view', run: () => navigate(`/sessions?${frameSearch(w)}`) },
		...Array.from({ length: 9 }, (_, i) => ({ key: String(i + 1), help: i === 0 ? 'First view (2 … 9: the others)' : '', run: () => change((now) => (i < now.views.length ? { tab: i, sort: '' } : {})) })).slice(0, 9),
	]);
	const link = (pin: boolean) => {
		const f = pin ? pinned(resolveFrame(w, serverNowMs(), zone)) : w;
		const text = `${location.origin}${base}/workspace?${workspaceSearch({ ...w, from: f.from, to: f.to, refresh: pin ? 0 : w.refresh })}`;
		const done = () => notifications.show({ message: pin ? 'Copied: a link to this very time' : 'Copied: a link that follows the clock', autoClose: 2500 });
		if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, say);
		else notifications.show({ title: 'Copy it from here', message: text, autoClose: false });
	};
	const csv = () => void saveCsv(w, title).catch(say);
	const png = () => {
		const s = shown.current;
		if (s) savePng(s.drawing, s.picture, title, `${describe(w, serverNowMs(), zone)}${w.filter ? ` · ${w.filter}` : ''}`, s);
		else notifications.show({ message: 'There is no chart to save yet.' });
	};
	const csvRef = useRef(csv);
	csvRef.current = csv;
	const onCsv = useCallback(() => csvRef.current(), []);
	const calls = useMemo(() => {
		if (!code) return null;
		try {
			return callsOf(w);
		} catch {
			return null;
		}
	}, [code, w]);
	return (
		<div className={classes.screen}>
			<h1 className="visually-hidden">Workspace</h1>
			<div className={`${classes.bar} no-print`}>
				<div className={classes.first}>
					<SourcePicker scope={source} onChange={change} />
					<Time frame={frame} onFrame={setFrame} refresh={w.refresh} onRefresh={onRefresh} onReload={onReload} openRef={openTime} />
					<span className={classes.gap} />
					<Group gap={4} wrap="nowrap" className={classes.actions}>
						<Tooltip label="The sessions behind this view">
							<ActionIcon size="lg" aria-label="Sessions" onClick={() => navigate(`/sessions?${frameSearch(w)}`)}>
								<IconListDetails size={17} stroke={1.7} />
							</ActionIcon>
						</Tooltip>
						<Menu position="bottom-end">
							<Menu.Target>
								<Tooltip label="Share">
									<ActionIcon size="lg" aria-label="Share">
										<IconShare size={17} stroke={1.7} />
									</ActionIcon>
								</Tooltip>
							</Menu.Target>
							<Menu.Dropdown>
								<Menu.Item leftSection={<IconLink size={15} />} onClick={() => link(false)}>Copy a link</Menu.Item>
								<Menu.Item leftSection={<IconPin size={15} />} onClick={() => link(true)}>Copy a link to this very time</Menu.Item>
							</Menu.Dropdown>
						</Menu>
						<Menu position="bottom-end">
							<Menu.Target>
								<Tooltip label="Export">
									<ActionIcon size="lg" aria-label="Export">
										<IconDownload size={17} stroke={1.7} />
									</ActionIcon>
								</Tooltip>
							</Menu.Target>
							<Menu.Dropdown>
								<Menu.Item leftSection={<IconFileTypeCsv size={15} />} onClick={csv}>CSV of the whole ranking</Menu.Item>
								<Menu.Item leftSection={<IconPhoto size={15} />} onClick={png}>PNG of the chart</Menu.Item>
								<Menu.Item leftSection={<IconPrinter size={15} />} onClick={() => window.print()}>Print, or save as PDF</Menu.Item>
								<Menu.Item leftSection={<IconCode size={15} />} onClick={codeDialog.open}>The API call for this</Menu.Item>
							</Menu.Dropdown>
						</Menu>
						<Button size="xs" variant="default" leftSection={<IconBookmark size={15} />} onClick={listDrawer.open} className={classes.wideOnly}>
							Workspaces
						</Button>
						<ActionIcon size="lg" aria-label="Workspaces" onClick={listDrawer.open} className={classes.narrowOnly}>
							<IconBookmark size={17} stroke={1.7} />
						</ActionIcon>
						<Tooltip label="Save this workspace">
							<ActionIcon size="lg" aria-label="Save this workspace" onClick={saveDialog.open}>
								<IconDeviceFloppy size={17} stroke={1.7} />
							</ActionIcon>
						</Tooltip>
					</Group>
				</div>
				<FilterBar filter={w.filter} mode={w.mode} onApply={onFilter} focusRef={focusFilter} />
			</div>
			<div className={classes.printHead}>
				<b>{title}</b> · {describe(w, serverNowMs(), zone)} {w.filter && <>· <code>{w.filter}</code></>}
			</div>
			{saved.error?.status === 404 && <div className={classes.saved}><span>The workspace that this link names is no longer there, or not shared with you. What the link itself says is shown.</span></div>}
			{saved.data && (
				<div className={classes.saved}>
					<WorkspaceIcon name={saved.data.workspace.icon} />
					<b>{saved.data.workspace.name}</b>
					{saved.data.workspace.description && <span>{saved.data.workspace.description}</span>}
					{saved.data.workspace.notes && <span className={classes.notes}>{saved.data.workspace.notes}</span>}
				</div>
			)}
			<section className={classes.views}>
				<Tabs w={w} change={change} />
				<ViewPanel w={w} change={change} reloadRef={reload} onShown={onShown} />
			</section>
			<ServerClock />
			<Commands change={change} onSave={saveDialog.open} onCsv={onCsv} onCode={codeDialog.open} />
			<ValueMenu />
			<NameDialog />
			<SaveDialog opened={saving} onClose={saveDialog.close} w={w} current={saved.data?.workspace} onSaved={(id) => change({ saved: id }, { replace: true })} />
			<SavedDrawer opened={list} onClose={listDrawer.close} />
			<Modal opened={code} onClose={codeDialog.close} size="lg" title={`${entityWords(spec?.entity ?? '').many}: the same by other means`} closeButtonProps={{ 'aria-label': 'Close' }}>
				{calls && (
					<Stack gap="md">
						<Code label="API" text={calls.json} />
						{calls.manual && <Code label="API, compatible with the manual" text={calls.manual} />}
						<Code label="Command line" text={calls.command} />
						<Text size="xs" c="dimmed">
							TOKEN comes from <code>POST {base}/api/v1/auth</code>, or is one of your own tokens. The whole API is described at <a href={`${base}/api/v1/openapi.yaml`}>/api/v1/openapi.yaml</a>.
						</Text>
					</Stack>
				)}
			</Modal>
		</div>
	);
}
