import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { CodeEditor } from './code-editor.ts';
import type { Problem } from './written.ts';

/** A field for a function: a text field until the editor's code is there, and where it does not come. */
export function Editor(props: {
  readonly label: string;
  readonly note: string;
  readonly text: string;
  readonly problems: readonly Problem[];
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
}) {
  const { label, note, text, problems, onChange, onRun } = props;
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const editor = useRef<CodeEditor | undefined>(undefined);
  const isThere = useSignal(false);
  // what is called later is what the last drawing gave
  const now = useRef(props);
  now.current = props;
  useEffect(() => {
    let gone = false;
    import('./code-editor.ts').then(
      ({ createCodeEditor }) => {
        if (gone) return;
        const hadFocus = document.activeElement === area.current;
        editor.current = createCodeEditor({
          text: now.current.text,
          label,
          describedBy: `${id}-note`,
          onChange: (next) => now.current.onChange(next),
          onRun: () => now.current.onRun(),
        });
        isThere.value = true;
        place.current!.replaceChildren(editor.current.element);
        editor.current.mark(now.current.problems);
        if (hadFocus) editor.current.goTo(1, 1);
      },
      // without it the text field stays, which is enough to write in
      () => {},
    );
    return () => {
      gone = true;
      editor.current?.dispose();
      editor.current = undefined;
    };
  }, []);
  useEffect(() => editor.current?.set(text), [text]);
  const key = JSON.stringify(problems);
  useEffect(() => editor.current?.mark(problems), [key, isThere.value]);
  const goTo = ({ line = 1, column = 1 }: Problem): void => {
    if (editor.current) {
      editor.current.goTo(line, column);
      return;
    }
    const before = text
      .split('\n')
      .slice(0, line - 1)
      .join('\n').length;
    const at = before + (line > 1 ? 1 : 0) + column - 1;
    area.current?.focus();
    area.current?.setSelectionRange(at, at);
  };
  return (
    <div class="field write-field">
      <span class="write-label" id={`${id}-label`}>
        {label}
      </span>
      <div ref={place} class="write-editor" hidden={!isThere.value} />
      {!isThere.value && (
        <textarea
          ref={area}
          class="mono"
          rows={6}
          spellcheck={false}
          aria-labelledby={`${id}-label`}
          aria-describedby={`${id}-note`}
          value={text}
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onRun();
          }}
        />
      )}
      <small id={`${id}-note`} class="muted">
        {note}
      </small>
      {problems.map((problem) => (
        <p key={`${problem.line} ${problem.problem}`} class="wrong" data-line={problem.line}>
          {problem.line !== undefined && (
            <button type="button" class="quiet write-place" onClick={() => goTo(problem)}>
              Line {problem.line}, column {problem.column}
            </button>
          )}{' '}
          {problem.problem}. {problem.cure}
        </p>
      ))}
    </div>
  );
}
