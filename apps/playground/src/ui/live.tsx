import { signal } from '@preact/signals';

const said = signal('');

/** Says something to those who do not see it; the same words twice are said twice. Never throws. */
export function announce(text: string): void {
  // a region speaks when it changes
  said.value = said.value === text ? `${text}\u00a0` : text;
}

/** Where it is said. */
export function LiveRegion() {
  return (
    <p class="visually-hidden" role="status" aria-live="polite">
      {said.value}
    </p>
  );
}

/** Something that everybody should read. */
export function Note(props: {
  readonly text: string;
  readonly kind?: 'note' | 'problem';
  readonly onClose?: () => void;
}) {
  const { text, kind = 'note', onClose } = props;
  return (
    <p class={`note ${kind}`} role="status">
      <span>{text}</span>
      {onClose && (
        <button type="button" class="quiet" onClick={onClose}>
          Close<span class="visually-hidden"> this note</span>
        </button>
      )}
    </p>
  );
}
