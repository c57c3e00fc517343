// Tooltips.  A screen has dozens of things with one and shows one at most, so there is one box for the whole interface,
// and what has a tooltip only says so in an attribute: Mantine's, with a floating element's machinery for each, were a
// third of the time in which a view was drawn.
import { cloneElement, useEffect, type ReactElement } from 'react';
import classes from './tip.module.css';

type Props = Record<string, unknown>;

/** `label` is shown over its one child; what else it is given (by a menu's target, say) is the child's. */
export function Tooltip({ label, disabled, children, ...rest }: { label: string; disabled?: boolean; children: ReactElement<Props> } & Props) {
	const props: Props = { ...rest, 'data-tip': disabled ? undefined : label };
	for (const [name, f] of Object.entries(rest)) {
		const own = children.props[name];
		if (name === 'className') props[name] = [f, own].filter(Boolean).join(' ');
		else if (name === 'style') props[name] = { ...(own as object | undefined), ...(f as object | undefined) };
		else if (f === undefined) props[name] = own;
		else if (typeof f === 'function' && typeof own === 'function')
			props[name] = (...a: unknown[]) => {
				(own as (...x: unknown[]) => void)(...a);
				(f as (...x: unknown[]) => void)(...a);
			};
	}
	return cloneElement(children, props);
}

const DELAY = 350;
const GAP = 6;

/** where it has room: above, or below; within the window */
function place(box: HTMLElement, over: Element): void {
	const r = over.getBoundingClientRect();
	const left = Math.min(Math.max(4, r.left + r.width / 2 - box.offsetWidth / 2), innerWidth - box.offsetWidth - 4);
	const above = r.top - box.offsetHeight - GAP;
	box.style.left = `${left}px`;
	box.style.top = `${above >= 4 ? above : r.bottom + GAP}px`;
}

/** Once, around everything. */
export function TipLayer() {
	useEffect(() => {
		const box = document.createElement('div');
		box.className = classes.tip ?? '';
		box.setAttribute('role', 'tooltip');
		box.hidden = true;
		document.body.append(box);
		let over: Element | null = null;
		let timer: ReturnType<typeof setTimeout> | undefined;
		const hide = () => {
			clearTimeout(timer);
			over = null;
			box.hidden = true;
		};
		const show = (el: Element) => {
			const text = el.getAttribute('data-tip');
			if (!text || !el.isConnected) return;
			box.textContent = text;
			box.hidden = false;
			place(box, el);
		};
		const enter = (e: PointerEvent) => {
			if (e.pointerType === 'touch') return;
			const el = e.target instanceof Element ? e.target.closest('[data-tip]') : null;
			if (el === over) return;
			hide();
			if (!el) return;
			over = el;
			timer = setTimeout(() => show(el), DELAY);
		};
		const focus = (e: FocusEvent) => {
			const el = e.target instanceof Element && e.target.matches(':focus-visible') ? e.target.closest('[data-tip]') : null;
			hide();
			over = el;
			if (el) show(el);
		};
		const on: [string, (e: never) => void][] = [['pointerover', enter], ['pointerdown', hide], ['focusin', focus], ['focusout', hide], ['keydown', hide], ['wheel', hide], ['blur', hide]];
		for (const [name, f] of on) window.addEventListener(name, f as EventListener, { passive: true });
		return () => {
			for (const [name, f] of on) window.removeEventListener(name, f as EventListener);
			clearTimeout(timer);
			box.remove();
		};
	}, []);
	return null;
}
