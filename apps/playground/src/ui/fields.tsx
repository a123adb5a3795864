import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

/** A number with its words. What is typed counts when it is one within the bounds; else the field says what is wrong. */
export function NumberField(props: {
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly step?: number | undefined;
  readonly unit?: string | undefined;
}) {
  const { label, value, onChange, min = -Infinity, max = Infinity, step, unit } = props;
  const id = useId();
  const wrong = useSignal('');
  const change = (text: string): void => {
    const number = Number(text);
    const fits = text.trim() !== '' && Number.isFinite(number) && number >= min && number <= max;
    wrong.value = fits ? '' : `must be a number${boundsOf(min, max)}`;
    if (fits) onChange(number);
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="field-row">
        <input
          id={id}
          type="number"
          inputMode="decimal"
          value={value}
          step={step ?? 'any'}
          aria-invalid={wrong.value !== ''}
          aria-describedby={wrong.value ? `${id}-wrong` : undefined}
          onInput={({ currentTarget }) => change(currentTarget.value)}
        />
        {unit && <span class="muted">{unit}</span>}
      </span>
      {wrong.value && (
        <span id={`${id}-wrong`} class="wrong" role="alert">
          {wrong.value}
        </span>
      )}
    </div>
  );
}

function boundsOf(min: number, max: number): string {
  if (min === -Infinity && max === Infinity) return '';
  if (max === Infinity) return ` ≥ ${min}`;
  return min === -Infinity ? ` ≤ ${max}` : ` from ${min} to ${max}`;
}

/** A slider with its words and its value; it is also a number field for those who know the number. */
export function Slider(props: {
  readonly label: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
  readonly min: number;
  readonly max: number;
  readonly step?: number | undefined;
  /** The value in words: `1,048,576 tokens`. */
  readonly text?: string | undefined;
}) {
  const { label, value, onChange, min, max, step = 1, text } = props;
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="field-row">
        <input
          id={id}
          type="range"
          min={min}
          max={max}
          step={step}
          value={value}
          aria-valuetext={text}
          onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
        />
        <output for={id}>{text ?? value}</output>
      </span>
    </div>
  );
}

/** One of several. */
export function Select<Name extends string>(props: {
  readonly label: string;
  readonly value: Name;
  readonly options: readonly { readonly value: Name; readonly label: string; readonly disabled?: boolean }[];
  readonly onChange: (value: Name) => void;
  readonly note?: string | undefined;
}) {
  const { label, value, options, onChange, note } = props;
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-describedby={note ? `${id}-note` : undefined}
        onChange={({ currentTarget }) => onChange(currentTarget.value as Name)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.disabled === true}>
            {option.label}
          </option>
        ))}
      </select>
      {note && (
        <small id={`${id}-note`} class="muted">
          {note}
        </small>
      )}
    </div>
  );
}

/** Yes or no. */
export function Check(props: {
  readonly label: ComponentChildren;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.checked}
        onChange={({ currentTarget }) => props.onChange(currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

/** A few choices that exclude each other, all in sight. */
export function Choice<Name extends string>(props: {
  readonly label: string;
  readonly value: Name;
  readonly options: readonly { readonly value: Name; readonly label: string }[];
  readonly onChange: (value: Name) => void;
}) {
  const { label, value, options, onChange } = props;
  const name = useId();
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      <span class="choice-row">
        {options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>{option.label}</span>
          </label>
        ))}
      </span>
    </fieldset>
  );
}

/** Options as a registry declares them, by name. */
export type OptionValues = Readonly<Record<string, unknown>>;

/**
 * A form made of declared defaults: a switch for a boolean, a number for a number, a list for what has `choices`. An
 * option whose default is `undefined` follows from the shape until something is typed; a list of numbers is typed with
 * commas; what is no plain value is not shown.
 */
export function OptionForm(props: {
  readonly legend: string;
  readonly defaults: OptionValues;
  /** What differs from the defaults. */
  readonly values: OptionValues;
  readonly onChange: (values: OptionValues) => void;
  readonly choices?: Readonly<Record<string, readonly string[]>> | undefined;
  /** What the library says of these options, where it refuses them. */
  readonly problem?: string | undefined;
  /** Always in sight, where the options are the matter at hand. Default folded until one is set. */
  readonly open?: boolean | undefined;
}) {
  const { legend, defaults, values, onChange, choices = {}, problem, open = false } = props;
  const set = (name: string, value: unknown): void => {
    const { [name]: _, ...rest } = values;
    onChange(value === undefined || value === defaults[name] ? rest : { ...rest, [name]: value });
  };
  const fields = Object.entries(defaults).flatMap(([name, fallback]) => {
    const value = Object.hasOwn(values, name) ? values[name] : fallback;
    const common = { key: name, label: name, onChange: (next: unknown) => set(name, next) };
    const list = choices[name];
    if (list)
      return [
        <Select
          {...common}
          value={String(value)}
          options={list.map((each) => ({ value: each, label: each }))}
        />,
      ];
    if (typeof fallback === 'boolean') return [<Check {...common} checked={value === true} />];
    if (typeof fallback === 'number') return [<NumberField {...common} value={Number(value)} />];
    if (fallback === undefined || typeof fallback === 'string' || isNumbers(fallback))
      return [<OpenField {...common} value={value} fallback={fallback} />];
    return [];
  });
  if (fields.length === 0) return null;
  if (open)
    return (
      <fieldset class="options">
        <legend>{legend}</legend>
        <div class="options-row">{fields}</div>
        {problem && (
          <p class="wrong" role="alert">
            {problem}
          </p>
        )}
      </fieldset>
    );
  return (
    <details class="options" open={problem !== undefined || Object.keys(values).length > 0}>
      <summary>
        {legend}: {Object.keys(defaults).join(', ')}
      </summary>
      <div class="options-row">{fields}</div>
      {problem && (
        <p class="wrong" role="alert">
          {problem}
        </p>
      )}
    </details>
  );
}

/** Text that may be a number, numbers, or nothing. */
function OpenField(props: {
  readonly label: string;
  readonly value: unknown;
  readonly fallback: unknown;
  readonly onChange: (value: unknown) => void;
}) {
  const { label, value, fallback, onChange } = props;
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        inputMode={typeof fallback === 'string' ? 'text' : 'decimal'}
        size={8}
        value={value === undefined ? '' : String(value)}
        placeholder={fallback === undefined ? 'from the shape' : String(fallback)}
        onChange={({ currentTarget }) => onChange(readOpen(currentTarget.value, fallback))}
      />
    </div>
  );
}

/** `8` → 8, `1, 2` → [1, 2], nothing → undefined; anything else is left to the library to refuse. */
export function readOpen(text: string, fallback: unknown): unknown {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (typeof fallback === 'string') return trimmed;
  const numbers = trimmed.split(',').map((part) => Number(part));
  if (numbers.some((number) => Number.isNaN(number))) return trimmed;
  return Array.isArray(fallback) || numbers.length > 1 ? numbers : numbers[0];
}

function isNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'number');
}
