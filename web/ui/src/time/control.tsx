// Which time: presets, a box for any expression, a calendar; before, after, now, out.
import { ActionIcon, Button, Group, Menu, Popover, Text, TextInput, UnstyledButton } from '@mantine/core';
import { DatePicker } from '@mantine/dates';
import { IconArrowBackUp, IconCalendar, IconChevronDown, IconChevronLeft, IconChevronRight, IconPlayerTrackNext, IconRefresh, IconZoomOut } from '@tabler/icons-react';
import { memo, useEffect, useRef, useState, type FormEvent } from 'react';
import { Tooltip } from '@/shell/tip';
import { useZone } from '@/state/zone';
import { dateText, serverNowMs, timeText } from '@/words/clock';
import { PRESETS, describe, follows, parseFrame, pinned, rangeText, resolveFrame, shifted, toLast, zoomedOut, type Frame, type Range } from './frame';
import classes from './control.module.css';

const REFRESH: [number, string][] = [[0, 'Off'], [5, '5 s'], [10, '10 s'], [30, '30 s'], [60, '1 min'], [300, '5 min']];

interface Props {
	frame: Frame;
	onFrame: (f: Frame) => void;
	refresh: number;
	onRefresh: (seconds: number) => void;
	onReload: () => void;
	busy: boolean;
	/** opens the popover from outside (key t) */
	openRef?: { current: (() => void) | null };
	/** what the answer shown is of */
	shown?: Range;
}

function Chooser({ frame, onFrame }: { frame: Frame; onFrame: (f: Frame) => void }) {
	const [zone, choice] = useZone();
	const [text, setText] = useState('');
	const [trouble, setTrouble] = useState<string | null>(null);
	let range: Range | undefined;
	try {
		range = resolveFrame(frame, serverNowMs(), zone);
	} catch {
		// an address made by hand
	}
	const [days, setDays] = useState<[string | null, string | null]>(range ? [dateText(range.fromMs, zone), dateText(range.toMs - 1, zone)] : [null, null]);
	const [times, setTimes] = useState<[string, string]>(range ? [timeText(range.fromMs, zone, false), timeText(range.toMs, zone, false)] : ['00:00', '24:00']);
	const take = (f: Frame) => {
		try {
			resolveFrame(f, serverNowMs(), zone);
			onFrame(f);
		} catch (e) {
			setTrouble(e instanceof Error ? e.message : String(e));
		}
	};
	const submit = (e: FormEvent) => {
		e.preventDefault();
		if (text.trim() !== '') take(parseFrame(text));
	};
	const calendar = () => {
		const [a, b] = days;
		if (a) take({ from: `${a} ${times[0] || '00:00'}`, to: `${b ?? a} ${times[1] || '24:00'}` });
	};
	const preset = (group: 'Last' | 'Calendar') => (
		<div className={classes.presets}>
			{PRESETS.filter((p) => p.group === group).map((p) => (
				<UnstyledButton key={p.label} className={classes.preset} data-on={(p.from === frame.from && p.to === frame.to) || undefined} onClick={() => onFrame({ from: p.from, to: p.to })}>
					{p.label.replace(', whole', '')}
				</UnstyledButton>
			))}
		</div>
	);
	return (
		<div className={classes.chooser}>
			<div className={classes.left}>
				{preset('Last')}
				{preset('Calendar')}
			</div>
			<div className={classes.right}>
				<form onSubmit={submit}>
					<TextInput
						label="Any time"
						placeholder="6h · now-1d/d · 2026-11-24 18:00 to 19:30"
						size="xs"
						data-autofocus
						value={text}
						onChange={(e) => {
							setText(e.currentTarget.value);
							setTrouble(null);
						}}
						error={trouble}
						description={`Spans, now-6h, -1d@d, dates; in ${choice === 'browser' ? zone : choice}`}
					/>
				</form>
				<DatePicker type="range" size="xs" allowSingleDateInRange value={days} onChange={setDays} defaultDate={days[1] ?? undefined} firstDayOfWeek={0} weekendDays={[]} mt="sm" />
				<Group gap={6} mt={6} align="flex-end" wrap="nowrap">
					<TextInput size="xs" label="From" w={74} value={times[0]} onChange={(e) => setTimes([e.currentTarget.value, times[1]])} />
					<TextInput size="xs" label="Until" w={74} value={times[1]} onChange={(e) => setTimes([times[0], e.currentTarget.value])} />
					<Button size="xs" flex={1} disabled={!days[0]} onClick={calendar}>
						Show
					</Button>
				</Group>
			</div>
		</div>
	);
}

export const TimeControl = memo(function TimeControl({ frame, onFrame, refresh, onRefresh, onReload, busy, openRef, shown }: Props) {
	const [zone] = useZone();
	const [open, setOpen] = useState(false);
	const before = useRef<Frame[]>([]);
	const now = serverNowMs();
	if (openRef) openRef.current = () => setOpen(true);
	const go = (f: Frame) => {
		before.current = [...before.current.slice(-30), frame];
		setOpen(false);
		onFrame(f);
	};
	const safe = (f: () => Frame) => () => {
		try {
			go(f());
		} catch {
			// what can't be read can't be moved
		}
	};
	const live = follows(frame);
	const back = before.current.at(-1);
	let range = shown;
	try {
		range ??= resolveFrame(frame, now, zone);
	} catch {
		range = undefined;
	}
	const toNow = safe(() => {
		const r = resolveFrame(frame, now, zone);
		return toLast(r.toMs - r.fromMs) ?? pinned({ fromMs: now - (r.toMs - r.fromMs), toMs: now });
	});
	return (
		<Group gap={2} wrap="nowrap" className={classes.control} role="group" aria-label="Time">
			<Tooltip label="The time before">
				<ActionIcon size="lg" aria-label="The time before" onClick={safe(() => shifted(frame, -1, serverNowMs(), zone))}>
					<IconChevronLeft size={17} />
				</ActionIcon>
			</Tooltip>
			<Popover opened={open} onChange={setOpen} position="bottom-start" shadow="md" trapFocus returnFocus>
				<Popover.Target>
					<Tooltip label={range ? rangeText(range, zone) : 'Choose a time'} disabled={open}>
						<Button variant="default" size="xs" className={classes.button} leftSection={<IconCalendar size={15} />} rightSection={<IconChevronDown size={14} />} onClick={() => setOpen(!open)} aria-label={`Time: ${describe(frame, now, zone)}`}>
							{describe(frame, now, zone)}
						</Button>
					</Tooltip>
				</Popover.Target>
				<Popover.Dropdown p={0}>{open && <Chooser frame={frame} onFrame={go} />}</Popover.Dropdown>
			</Popover>
			<Tooltip label="The time after">
				<ActionIcon size="lg" aria-label="The time after" disabled={frame.to === 'now'} onClick={safe(() => shifted(frame, 1, serverNowMs(), zone))}>
					<IconChevronRight size={17} />
				</ActionIcon>
			</Tooltip>
			<Tooltip label="Up to now">
				<ActionIcon size="lg" aria-label="Up to now" disabled={frame.to === 'now'} onClick={toNow} className={classes.wideOnly}>
					<IconPlayerTrackNext size={16} />
				</ActionIcon>
			</Tooltip>
			<Tooltip label="Twice as long">
				<ActionIcon size="lg" aria-label="Zoom out" onClick={safe(() => zoomedOut(frame, serverNowMs(), zone))}>
					<IconZoomOut size={17} />
				</ActionIcon>
			</Tooltip>
			<Tooltip label="The frame chosen before">
				<ActionIcon
					size="lg"
					aria-label="Undo the change of time"
					disabled={!back}
					className={classes.wideOnly}
					onClick={() => {
						before.current.pop();
						if (back) onFrame(back);
					}}
				>
					<IconArrowBackUp size={17} />
				</ActionIcon>
			</Tooltip>
			<Tooltip label="Refresh">
				<ActionIcon size="lg" aria-label="Refresh" loading={busy && refresh === 0} onClick={onReload}>
					<IconRefresh size={17} />
				</ActionIcon>
			</Tooltip>
			<Menu>
				<Menu.Target>
					<Tooltip label={live ? 'Refresh by itself' : 'The frame is fixed: nothing to refresh'}>
						<Button variant="subtle" color={refresh > 0 && live ? undefined : 'gray'} size="compact-sm" px={6} disabled={!live} rightSection={<IconChevronDown size={13} />} aria-label={`Refresh by itself: ${refresh > 0 && live ? (REFRESH.find(([s]) => s === refresh)?.[1] ?? `${refresh} s`) : 'Auto off'}`}>
							{refresh > 0 && live ? (REFRESH.find(([s]) => s === refresh)?.[1] ?? `${refresh} s`) : <span className={classes.wideOnly}>Auto off</span>}
						</Button>
					</Tooltip>
				</Menu.Target>
				<Menu.Dropdown>
					<Menu.Label>Refresh by itself</Menu.Label>
					{REFRESH.map(([s, label]) => (
						<Menu.Item key={s} onClick={() => onRefresh(s)} rightSection={s === refresh ? '✓' : undefined}>
							{label}
						</Menu.Item>
					))}
				</Menu.Dropdown>
			</Menu>
		</Group>
	);
});

/** Reload every so many seconds: not while a query runs, not for a fixed frame, not in a hidden tab. */
export function useRefresh(frame: Frame, seconds: number, busy: boolean, reload: () => void): void {
	const latest = useRef({ busy, reload });
	latest.current = { busy, reload };
	const on = seconds > 0 && follows(frame);
	useEffect(() => {
		if (!on) return undefined;
		const t = setInterval(() => {
			if (!latest.current.busy && document.visibilityState === 'visible') latest.current.reload();
		}, seconds * 1000);
		return () => clearInterval(t);
	}, [on, seconds]);
}

export const Resolved = ({ range, zone }: { range: Range; zone: string }) => (
	<Text size="xs" c="dimmed">
		{rangeText(range, zone)}
	</Text>
);
