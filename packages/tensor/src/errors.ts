import { messageOf } from './printable.ts';

/** One named tensor argument and the axes it was read with. */
export interface BoundShape {
  readonly name: string;
  readonly axes: readonly string[];
  readonly shape: readonly number[];
}

/**
 * What the errors of these packages are made from: each class has a name for good (`kind`), so that
 * `ShapeError.isInstance(error)` holds where `instanceof` does not, when two copies of a package (ESM and CommonJS) are
 * loaded.
 *
 * @example
 * class SinkError extends KnownError {
 *   static override readonly kind: string = 'my-package/SinkError';
 *   override readonly name = 'SinkError';
 * }
 */
export abstract class KnownError extends Error {
  /** Package and name: the same in every copy, and of no other class. */
  static readonly kind: string = '@headwise/tensor/KnownError';

  constructor(message: string) {
    super(message);
    // of every class that it is of
    for (let of = new.target; of.kind; of = Object.getPrototypeOf(of))
      Object.defineProperty(this, Symbol.for(of.kind), { value: true });
  }

  /** Like `instanceof`, but holds when two copies of this package (ESM and CommonJS) are loaded. Never throws. */
  static isInstance<Class extends { readonly kind: string; readonly prototype: unknown }>(
    this: Class,
    error: unknown,
  ): error is Class['prototype'] {
    // biome-ignore lint/complexity/noThisInStatic: the class that is asked, not this one
    return typeof error === 'object' && error !== null && Symbol.for(this.kind) in error;
  }
}

/**
 * Two arguments of one operation disagree about the size of a named axis, or an argument has the wrong rank.
 *
 * The message leads with the operation and the disagreement, then lists every argument with its axes named, so
 * that a reader can fix the call without opening this package. The same facts are fields, so that a tool never
 * has to parse the text.
 */
export class ShapeError extends KnownError {
  static override readonly kind: string = '@headwise/tensor/ShapeError';
  override readonly name = 'ShapeError';
  readonly op: string;
  readonly axis: string | undefined;
  readonly shapes: readonly BoundShape[];

  constructor(op: string, problem: string, shapes: readonly BoundShape[], axis?: string) {
    const width = Math.max(0, ...shapes.map((shape) => shape.name.length));
    const rows = shapes.map(({ name, axes, shape }) => {
      const sizes = shape.map((size, i) => `${axes[i] ?? '?'}=${size}`).join(', ');
      return `  ${name.padEnd(width)}  [${sizes}]`;
    });
    super(messageOf(`${op}: ${problem}`, ...rows));
    this.op = op;
    this.axis = axis;
    this.shapes = shapes;
  }
}

/** An argument has the right shape and a value the operation cannot take: a window of 0, an id past the table. */
export class ValueError extends KnownError {
  static override readonly kind: string = '@headwise/tensor/ValueError';
  override readonly name = 'ValueError';
  readonly op: string;
  /** The argument at fault. */
  readonly argument: string;
  readonly got: unknown;

  /**
   * @param rule what must hold, and the cure where there is one: `must be a positive integer`.
   */
  constructor(op: string, argument: string, rule: string, got: unknown) {
    super(messageOf(`${op}: ${argument} ${rule}, got ${show(got)}`));
    this.op = op;
    this.argument = argument;
    this.got = got;
  }
}

/** A device is not there, cannot run an operation, ran something else than it promised, or is gone. */
export class DeviceError extends KnownError {
  static override readonly kind: string = '@headwise/tensor/DeviceError';
  override readonly name = 'DeviceError';
  readonly device: string;
  readonly reasons: readonly string[];
  /** What to do about it. */
  readonly cure: string | undefined;

  constructor(device: string, problem: string, reasons: readonly string[] = [], cure?: string) {
    super(
      messageOf(
        `${device}: ${problem}`,
        ...reasons.map((reason) => `  - ${reason}`),
        ...(cure ? [`  ${cure}`] : []),
      ),
    );
    this.device = device;
    this.reasons = reasons;
    this.cure = cure;
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return String(value);
}
