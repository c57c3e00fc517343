// The text face of a filter: CodeMirror with the Lezer grammar, completion, and the server's word on mistakes.  Loaded
// apart from the screen.
import { autocompletion, completionKeymap, closeBrackets, startCompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { HighlightStyle, LRLanguage, syntaxHighlighting, syntaxTree } from '@codemirror/language';
import { linter, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { styleTags, tags } from '@lezer/highlight';
import { ApiError, op } from '@/api/client';
import { offers } from './complete';
import type { Grammar } from './grammar';
import { parser } from './parser.gen';

const language = LRLanguage.define({
	name: 'filter',
	parser: parser.configure({
		props: [
			styleTags({
				'Field/Word': tags.propertyName,
				'Value/Word': tags.number,
				String: tags.string,
				CompareOp: tags.compareOperator,
				'AndOp OrOp XorOp NotOp AndWord OrWord XorWord NotWord InWord': tags.logicOperator,
				'"(" ")"': tags.paren,
			}),
		],
	}),
});
const colours = syntaxHighlighting(
	HighlightStyle.define([
		{ tag: tags.propertyName, color: 'var(--ft-code-field)' },
		{ tag: tags.number, color: 'var(--ft-code-value)' },
		{ tag: tags.string, color: 'var(--ft-code-value)' },
		{ tag: tags.compareOperator, color: 'var(--ft-dim)' },
		{ tag: tags.logicOperator, color: 'var(--ft-code-logic)', fontWeight: '600' },
	]),
);
const look = EditorView.theme({
	'&': { fontSize: '13px', backgroundColor: 'transparent' },
	'&.cm-focused': { outline: 'none' },
	'.cm-content': { fontFamily: 'var(--mantine-font-family-monospace)', padding: '6px 0', caretColor: 'var(--ft-text)' },
	'.cm-line': { padding: '0 8px' },
	'.cm-cursor': { borderLeftColor: 'var(--ft-text)' },
	'.cm-placeholder': { color: 'var(--ft-dim)' },
	'.cm-scroller': { maxHeight: '120px', lineHeight: '1.5' },
	'&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { background: 'color-mix(in srgb, var(--mantine-primary-color-filled) 30%, transparent) !important' },
	'.cm-tooltip': { background: 'var(--ft-panel)', border: '1px solid var(--ft-line)', borderRadius: '6px', boxShadow: '0 6px 24px rgba(0,0,0,.25)', overflow: 'hidden' },
	'.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: '12px', maxHeight: '260px' },
	'.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
	'.cm-tooltip-autocomplete ul li[aria-selected]': { background: 'var(--mantine-primary-color-filled)', color: '#fff' },
	'.cm-completionDetail': { fontStyle: 'normal', fontFamily: 'var(--mantine-font-family)', color: 'inherit', opacity: 0.75 },
	'.cm-diagnostic': { padding: '4px 10px', fontSize: '12px', borderLeft: '3px solid var(--mantine-color-red-6)' },
});

function source(grammar: () => Grammar) {
	return async (context: CompletionContext): Promise<CompletionResult | null> => {
		const { state, pos } = context;
		const word = context.matchBefore(/[^\s()!=<>&|^,"']*/);
		const from = word?.from ?? pos;
		const prefix = state.sliceDoc(from, pos);
		const before = state.sliceDoc(0, from).trimEnd();
		const g = grammar();
		// what comes before says what is wanted: a comparison or a list wants a value, a field a comparison, else a field
		const test = /([A-Za-z]+(?:\([^()]*\))?)\s*(?:==|=|!=|<=|>=|<|>)$/.exec(before) ?? /([A-Za-z]+(?:\([^()]*\))?)\s+(?:not\s+)?in\s*\((?:[^()]*,)?$/i.exec(before);
		if (test) {
			const field = g.fields.find((f) => f.name.toUpperCase() === (test[1] ?? '').toUpperCase());
			if (!field) return null;
			const list = await offers(field, prefix);
			if (list.length === 0) return context.explicit ? { from, options: [{ label: '', displayLabel: field.expects, apply: '' }], filter: false } : null;
			return { from, filter: false, options: list.map((o) => ({ label: o.value, detail: o.help, apply: /^[\w.:/*?-]+$/.test(o.value) ? o.value : `"${o.value}"` })) };
		}
		const tree = syntaxTree(state).resolveInner(before.length, -1);
		const afterField = tree.parent?.name === 'Field' && /\s$/.test(state.sliceDoc(0, from));
		const done = (tree.parent?.name === 'Value' || /\)$/.test(before)) && from > before.length;
		if (afterField) {
			const ordered = g.fields.find((f) => f.name.toUpperCase() === state.sliceDoc(tree.from, tree.to).toUpperCase())?.ordered ?? true;
			return { from, options: ['==', '!=', 'in', 'not in', ...(ordered ? ['<', '<=', '>', '>='] : [])].map((label) => ({ label, apply: /in$/.test(label) ? `${label} (` : `${label} ` })) };
		}
		if (done) return context.explicit || prefix !== '' ? { from, options: ['&&', '||', '^|'].map((label) => ({ label, apply: `${label} ` })) } : null;
		if (prefix === '' && !context.explicit) return null;
		return { from, options: g.fields.map((f) => ({ label: f.name, detail: f.help, apply: `${f.name} ` })), validFor: /^\w*$/ };
	};
}

export interface Editor {
	set: (text: string) => void;
	focus: () => void;
	destroy: () => void;
}

export function mount(
	parent: HTMLElement,
	how: { text: string; nonce: string; label: string; grammar: () => Grammar; onChange: (text: string) => void; onRun: () => void; onWord: (trouble: string | null) => void },
): Editor {
	let quiet = false;
	const check = linter(
		async (view): Promise<Diagnostic[]> => {
			const text = view.state.doc.toString();
			if (text.trim() === '') {
				how.onWord(null);
				return [];
			}
			try {
				await op('filter.check', { filter: text });
				how.onWord(null);
				return [];
			} catch (e) {
				if (!(e instanceof ApiError) || e.code !== 'bad_filter') return [];
				how.onWord(e.message);
				const at = Math.min(Math.max(0, (e.position ?? 1) - 1), text.length);
				const end = Math.max(at + 1, at + (/^[^\s()]+/.exec(text.slice(at))?.[0].length ?? 1));
				return [{ from: Math.min(at, Math.max(0, text.length - 1)), to: Math.min(end, text.length), severity: 'error', message: e.message }];
			}
		},
		{ delay: 350 },
	);
	const editable = new Compartment();
	const view = new EditorView({
		parent,
		state: EditorState.create({
			doc: how.text,
			selection: { anchor: how.text.length },
			extensions: [
				EditorView.cspNonce.of(how.nonce),
				EditorView.contentAttributes.of({ 'aria-label': how.label, spellcheck: 'false', autocapitalize: 'off', autocorrect: 'off' }),
				history(),
				closeBrackets(),
				// What is typed over a selection is put in here: a browser that does it itself keeps the look of what was there
				// by a style attribute, which the content security policy refuses.
				EditorView.domEventHandlers({
					beforeinput(e, v) {
						if (e.inputType !== 'insertText' || !e.data || e.isComposing || v.state.selection.main.empty) return false;
						v.dispatch(v.state.replaceSelection(e.data), { userEvent: 'input.type', scrollIntoView: true });
						e.preventDefault();
						return true;
					},
				}),
				Prec.highest(keymap.of([{ key: 'Mod-Enter', run: () => (how.onRun(), true) }])),
				autocompletion({ override: [source(how.grammar)], icons: false, activateOnCompletion: () => true }),
				keymap.of([...completionKeymap, { key: 'Enter', run: () => (how.onRun(), true) }, { key: 'Alt-/', run: startCompletion }, ...historyKeymap, ...defaultKeymap]),
				editable.of(EditorView.lineWrapping),
				placeholder('Everything.  SRVIP == 10.1.0.0/16 && SRVPORT in (22, 443)'),
				language,
				colours,
				look,
				check,
				EditorView.updateListener.of((u) => {
					if (u.docChanged && !quiet) how.onChange(u.state.doc.toString());
				}),
			],
		}),
	});
	return {
		set(text) {
			if (text === view.state.doc.toString()) return;
			quiet = true;
			view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
			quiet = false;
		},
		focus: () => view.focus(),
		destroy: () => view.destroy(),
	};
}
