/** How much of something there is, as a bar with its numbers. */
export function Meter(props: {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  /** The value in words: `16 KiB of 64 KiB`. */
  readonly text: string;
  /** A CSS colour. Default the accent. */
  readonly color?: string | undefined;
}) {
  const { label, value, max, text, color = 'var(--accent)' } = props;
  const part = max > 0 ? Math.min(1, value / max) : 0;
  return (
    <div class="meter">
      <span class="meter-label">{label}</span>
      {/* biome-ignore lint/a11y/useSemanticElements: browsers draw a meter in colours of their own */}
      <span
        class="meter-bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={max}
        aria-valuenow={Math.min(value, max)}
        aria-valuetext={text}
      >
        <span style={{ width: `${part * 100}%`, background: color }} />
      </span>
      <span class="meter-text">{text}</span>
    </div>
  );
}

/** How far something is, with a way to give it up. */
export function Progress(props: {
  readonly label: string;
  /** From 0 to 1; undefined while it is not known. */
  readonly done: number | undefined;
  readonly onCancel?: (() => void) | undefined;
}) {
  const { label, done, onCancel } = props;
  return (
    <div class="progress">
      <span>{label}</span>
      <progress max={1} {...(done !== undefined && { value: done })} aria-label={label} />
      {onCancel && (
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
      )}
    </div>
  );
}

/** `16 KiB`: binary units, three digits. Never throws. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const n = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** n).toPrecision(3)).toLocaleString('en')} ${units[n]}`;
}
