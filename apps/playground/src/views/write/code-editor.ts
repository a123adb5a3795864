import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { javascript } from '@codemirror/lang-javascript';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { Problem } from './written.ts';

/** An editor of one function. */
export interface CodeEditor {
  readonly element: HTMLElement;
  /** Another text, which was not typed here. */
  set(text: string): void;
  /** Underlines what is wrong. */
  mark(problems: readonly Problem[]): void;
  /** Puts the cursor there. */
  goTo(line: number, column: number): void;
  dispose(): void;
}

// colours of the theme that are told from the surface as text, in light and dark
const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
  {
    tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword],
    color: 'var(--accent)',
    fontWeight: '600',
  },
  { tag: tags.number, color: 'var(--pin)' },
  { tag: [tags.propertyName, tags.function(tags.variableName)], color: 'var(--focus)' },
]);

const theme = EditorView.theme({
  '&': { fontSize: '0.9375rem', backgroundColor: 'var(--surface)', color: 'var(--text)' },
  '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '2px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', minHeight: '7.5rem' },
  '.cm-gutters': { backgroundColor: 'var(--page)', color: 'var(--muted)', border: '0' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': {
    backgroundColor: 'var(--accent-soft) !important',
  },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', color: 'var(--text)', border: '1px solid var(--grid)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--pin)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--pin)',
    textUnderlineOffset: '3px',
  },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-soft) !important' },
});

/**
 * CodeMirror, of its named packages. Tab goes to the next field, as everywhere on the page: what is written here is a few
 * lines long.
 */
export function createCodeEditor(options: {
  readonly text: string;
  readonly label: string;
  /** Id of what says more about it. */
  readonly describedBy: string;
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
}): CodeEditor {
  const { text, label, describedBy, onChange, onRun } = options;
  let quiet = false;
  const view = new EditorView({
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        highlightSpecialChars(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        EditorView.lineWrapping,
        javascript(),
        syntaxHighlighting(colours),
        theme,
        keymap.of([
          {
            key: 'Mod-Enter',
            run: () => {
              onRun();
              return true;
            },
          },
          ...defaultKeymap,
          ...historyKeymap,
        ]),
        EditorView.contentAttributes.of({ 'aria-label': label, 'aria-describedby': describedBy }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !quiet) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  const offset = (line: number, column: number): number => {
    const { doc } = view.state;
    const at = doc.line(Math.max(1, Math.min(doc.lines, line)));
    return Math.min(at.to, at.from + column - 1);
  };
  return {
    element: view.dom,
    set(next) {
      if (next === view.state.doc.toString()) return;
      quiet = true;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
      quiet = false;
    },
    mark(problems) {
      const diagnostics = problems.map(({ line = 1, column = 1, problem, cure }): Diagnostic => {
        const from = offset(line, column);
        const word = view.state.wordAt(from);
        const to = Math.max(word?.to ?? from, Math.min(from + 1, view.state.doc.length));
        return { from, to, severity: 'error', message: `${problem}. ${cure}` };
      });
      view.dispatch(setDiagnostics(view.state, diagnostics));
    },
    goTo(line, column) {
      view.dispatch({ selection: { anchor: offset(line, column) }, scrollIntoView: true });
      view.focus();
    },
    dispose: () => view.destroy(),
  };
}
