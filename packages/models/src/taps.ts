import type { Tap } from '@headwise/attention-variants';
import { ShapeError, Tensor, ValueError } from '@headwise/tensor';

/**
 * Reads an intermediate, and replaces it where it returns a tensor of the same shape. The value is freed after the step:
 * `keep()` it to hold on to it.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that only reads returns nothing
export type TapFunction = (value: Tensor, name: string) => Tensor | undefined | void;

/** The tap of a part, which knows its own names only. Never throws. */
export function tapWithin(tap: Tap, prefix: string): Tap {
  return {
    wants: (name) => tap.wants(`${prefix}.${name}`),
    pass: (name, value) => tap.pass(`${prefix}.${name}`, value),
  };
}

/** Functions that listen to intermediates of a model, by name. */
export class Taps implements Tap {
  readonly #known: readonly string[];
  readonly #functions = new Map<string, Set<{ readonly run: TapFunction }>>();

  /** @param known every name there is */
  constructor(known: readonly string[]) {
    this.#known = known;
  }

  /** Whether nobody listens: a step then knows nothing of taps. */
  get isEmpty(): boolean {
    return this.#functions.size === 0;
  }

  /**
   * @returns ends it
   * @throws {ValueError} for a name that is not known, with those that are.
   */
  add(name: string, run: TapFunction): () => void {
    if (!this.#known.includes(name))
      throw new ValueError('session.tap', 'name', `must be one of ${summary(this.#known)}`, name);
    const entry = { run };
    const all = this.#functions.get(name) ?? new Set();
    this.#functions.set(name, all.add(entry));
    return () => {
      all.delete(entry);
      if (all.size === 0 && this.#functions.get(name) === all) this.#functions.delete(name);
    };
  }

  wants(name: string): boolean {
    return this.#functions.has(name);
  }

  /** @throws {ShapeError | ValueError} for a replacement of another shape, type or device, or no tensor. */
  pass<Value extends Tensor>(name: string, value: Value): Value {
    let now = value;
    for (const { run } of this.#functions.get(name) ?? []) {
      // a handle of its own: what a function keeps or disposes is not the step's
      const shown = now.reshape(now.shape);
      const given = run(shown, name);
      if (given === undefined || given === shown) continue;
      checkReplacement(name, now, given);
      // a handle of the step's own: what the caller gave stays the caller's
      now = given.reshape(given.shape) as Value;
    }
    return now;
  }
}

function checkReplacement(name: string, value: Tensor, given: unknown): void {
  if (!Tensor.isInstance(given))
    throw new ValueError('session.tap', name, 'must be replaced by a tensor, or by nothing', typeof given);
  if (String(given.shape) !== String(value.shape)) {
    const rule = `a replacement of ${name} must be [${value.shape.join(', ')}]`;
    throw new ShapeError('session.tap', rule, [{ name, axes: [], shape: given.shape }]);
  }
  if (given.dtype !== value.dtype)
    throw new ValueError('session.tap', name, `must be replaced by ${value.dtype}`, given.dtype);
  if (given.device !== value.device)
    throw new ValueError(
      'session.tap',
      name,
      `must be replaced by a tensor on ${value.device.name}, the model’s device`,
      given.device.name,
    );
}

/** The names with `layers.*` for all layers that have them. */
function summary(known: readonly string[]): string {
  const layers = known.flatMap((name) => /^layers\.(\d+)$/.exec(name)?.[1] ?? []);
  const names = [...new Set(known.map((name) => name.replace(/^layers\.\d+/, 'layers.*')))];
  return `${names.join(', ')} (layers ${layers[0]} to ${layers.at(-1)})`;
}
