import { messageOf } from './printable.ts';

const marker = Symbol.for('@headwise/sampling/SamplingError');

/**
 * An argument that a rule cannot take, or logits that no rule can sample from.
 *
 * The message leads with the operation, then the rule that was broken, the value that came in and the cure.
 * The same facts are fields, so that a tool never has to parse the text.
 */
export class SamplingError extends Error {
  override readonly name: string = 'SamplingError';
  readonly [marker] = true;
  /** The rule or function that refused, for instance `top-p`. */
  readonly op: string;
  /** The values the message speaks of. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(op: string, problem: string, details: Readonly<Record<string, unknown>> = {}) {
    super(messageOf(`${op}: ${problem}`));
    this.op = op;
    this.details = details;
  }

  /** Like `instanceof`, but holds when two copies of this package (ESM and CJS) are loaded. Never throws. */
  static isInstance(error: unknown): error is SamplingError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}

/** A constraint left no token that could come next. `text` is what had been accepted until then. */
export class ConstraintError extends SamplingError {
  override readonly name: string = 'ConstraintError';
  readonly text: string;

  constructor(op: string, problem: string, text: string) {
    super(op, `${problem}; the text so far is ${JSON.stringify(text)}`, { text });
    this.text = text;
  }
}

/** The ends of an interval; an end that is absent is open to infinity. */
export interface Interval {
  readonly above?: number;
  readonly atLeast?: number;
  readonly below?: number;
  readonly atMost?: number;
}

/** @throws {SamplingError} if `value` is not a finite number inside `interval`. */
export function checkNumber(
  op: string,
  name: string,
  value: unknown,
  interval: Interval,
  cure?: string,
): void {
  const { above, atLeast, below, atMost } = interval;
  const inside =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (above === undefined || value > above) &&
    (atLeast === undefined || value >= atLeast) &&
    (below === undefined || value < below) &&
    (atMost === undefined || value <= atMost);
  if (inside) return;
  const problem = `${name} must be a number in ${intervalText(interval)}, got ${show(value)}`;
  throw new SamplingError(op, cure ? `${problem}; ${cure}` : problem, { [name]: value });
}

/** @throws {SamplingError} if `value` is not a whole number of at least `atLeast`. */
export function checkWhole(op: string, name: string, value: unknown, atLeast: number, cure?: string): void {
  if (Number.isSafeInteger(value) && (value as number) >= atLeast) return;
  const problem = `${name} must be a whole number ≥ ${atLeast}, got ${show(value)}`;
  throw new SamplingError(op, cure ? `${problem}; ${cure}` : problem, { [name]: value });
}

/** @throws {SamplingError} if `lists` is not a list. */
export function checkLists(op: string, name: string, lists: unknown): void {
  if (Array.isArray(lists)) return;
  throw new SamplingError(op, `${name} must be a list of lists of token ids, got ${show(lists)}`);
}

/** @throws {SamplingError} if `ids` is not a list of token ids. */
export function checkIds(op: string, name: string, ids: unknown): void {
  if (!Array.isArray(ids) && !ArrayBuffer.isView(ids)) {
    throw new SamplingError(op, `${name} must be a list of token ids, got ${show(ids)}`, { [name]: ids });
  }
  const list = ids as ArrayLike<unknown>;
  for (let i = 0; i < list.length; i++) checkWhole(op, `${name}[${i}]`, list[i], 0);
}

/**
 * Refuses options that were forgotten: types refuse that too, and a program in plain JavaScript has none.
 *
 * @param needs what they have to have, for the message
 * @throws {SamplingError} if `options` is no object.
 */
export function checkOptions(op: string, options: unknown, needs?: string): void {
  if (typeof options === 'object' && options !== null) return;
  const having = needs ? ` with ${needs}` : '';
  throw new SamplingError(op, `the options must be an object${having}, got ${show(options)}`);
}

/** A value as a message shows it: short, and telling a string from a number. */
export function show(value: unknown): string {
  if (typeof value === 'number' || value === undefined || value === null) return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (ArrayBuffer.isView(value) || Array.isArray(value)) {
    return `${value.constructor.name}(${(value as unknown as ArrayLike<unknown>).length})`;
  }
  return typeof value === 'object' ? (value.constructor?.name ?? 'object') : typeof value;
}

function intervalText({ above, atLeast, below, atMost }: Interval): string {
  const left = atLeast !== undefined ? `[${atLeast}` : `(${above ?? '-∞'}`;
  const right = atMost !== undefined ? `${atMost}]` : `${below ?? '∞'})`;
  return `${left}, ${right}`;
}
