import { type Signal, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Check } from './fields.tsx';

/** Whether single keys do something: off for those whom they disturb (WCAG 2.1.4). */
export const shortcuts: Signal<boolean> = signal(true);

const keys: readonly (readonly [string, string])[] = [
  ['?', 'this help'],
  ['1 … 7', 'the views, in the order of the menu'],
  ['/', 'the text'],
  ['t', 'light or dark'],
  ['arrow keys', 'in a heatmap, a list of tabs or heads: the next one; with Shift ten cells at once'],
  ['Home, End', 'in a heatmap: the first and the last of a row; Page Up and Page Down of a column'],
  ['Enter', 'pins a cell, or takes the pin off'],
  ['Escape', 'takes a pin off, closes this help'],
];

/** What the keys do. */
export function Help({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    if (open && !element.open) element.showModal();
    if (!open && element.open) element.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={onClose}>
      <h2 id="help-title">Keys</h2>
      <dl>
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <Check
        label="Single keys work while no text field has focus"
        checked={shortcuts.value}
        onChange={(on) => {
          shortcuts.value = on;
        }}
      />
      <p>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </p>
    </dialog>
  );
}
