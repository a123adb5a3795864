import { type BoundShape, ShapeError, ValueError } from './errors.ts';

/** Anything with a shape: a tensor, an operand of a device call, a host array. */
export interface Shaped {
  readonly shape: readonly number[];
}

/** `'B H Lq D'` → `'B' | 'H' | 'Lq' | 'D'`; a leading `...` names nothing. */
export type AxisName<Axes extends string> = Axes extends `${infer Head} ${infer Tail}`
  ? Exclude<Head, '...'> | AxisName<Tail>
  : Exclude<Axes, '...'>;

type Spec = Readonly<Record<string, readonly [shaped: Shaped, axes: string] | undefined>>;

/**
 * Reads the sizes of named axes off several tensors at once, and checks that every tensor agrees.
 *
 * A list that starts with `...` accepts any number of leading axes (`'... E'`: the last axis is `E`). A digit
 * (`'1'`) must be matched literally. An entry that is `undefined` (an optional tensor) is left out.
 *
 * @example
 * const { B, H, Lq, D } = bindAxes('attend', { q: [q, 'B Lq H D'], k: [k, 'B Lk H D'] });
 *
 * @throws {ShapeError} if a rank differs from its axis list, or one name has two sizes.
 * @throws {ValueError} for a tensor that was forgotten.
 */
export function bindAxes<const S extends Spec>(
  op: string,
  spec: S,
): { readonly [Name in AxisName<NonNullable<S[keyof S]>[1]>]: number } {
  const sizes: Record<string, number> = {};
  for (const name in spec) {
    const entry = spec[name];
    if (!entry) continue;
    // only plain JavaScript can forget a tensor
    const shape = (entry[0] as Shaped | undefined)?.shape;
    if (!shape) throw new ValueError(op, name, `must be a tensor [${entry[1]}]`, entry[0]);
    if (!bindOne(sizes, shape, parsed(entry[1]))) throw misfit(op, spec);
  }
  return sizes as never;
}

/** An axis list, taken apart; every operation passes here, so each list is read once. */
interface AxisList {
  /** Starts with `...`. */
  readonly open: boolean;
  /** Names, and numbers where a size is prescribed. */
  readonly axes: readonly (string | number)[];
}

const lists = new Map<string, AxisList>();

function parsed(text: string): AxisList {
  let list = lists.get(text);
  if (!list) {
    const words = text === '' ? [] : text.split(' ');
    const open = words[0] === '...';
    const axes = (open ? words.slice(1) : words).map((word) =>
      Number.isInteger(Number(word)) ? Number(word) : word,
    );
    list = { open, axes };
    lists.set(text, list);
  }
  return list;
}

/** Enters the sizes of one tensor; false if they do not fit. */
function bindOne(sizes: Record<string, number>, shape: readonly number[], { open, axes }: AxisList): boolean {
  const lead = shape.length - axes.length;
  if (open ? lead < 0 : lead !== 0) return false;
  for (let i = 0; i < axes.length; i++) {
    const axis = axes[i]!;
    const size = shape[lead + i]!;
    if (typeof axis === 'number' ? axis !== size : (sizes[axis] ??= size) !== size) return false;
  }
  return true;
}

/** What does not fit. */
function misfit(op: string, spec: Spec): ShapeError {
  const shapes = namedAll(spec);
  const bound: Record<string, { size: number; by: string }> = {};
  for (const { name, axes, shape, wanted } of shapes) {
    if (axes.length !== shape.length)
      return new ShapeError(op, `${name} must have the axes [${wanted}], it has ${shape.length}`, shapes);
    for (const [i, axis] of axes.entries()) {
      const size = shape[i]!;
      if (axis === '…') continue;
      const literal = Number(axis);
      if (Number.isInteger(literal)) {
        if (size === literal) continue;
        return new ShapeError(op, `axis ${i} of ${name} must be ${literal}, it is ${size}`, shapes);
      }
      const before = bound[axis];
      if (before && before.size !== size) {
        const says = `${before.by} says ${before.size}, ${name} says ${size}`;
        return new ShapeError(op, `axis ${axis} has two sizes: ${says}`, shapes, axis);
      }
      bound[axis] ??= { size, by: name };
    }
  }
  return new ShapeError(op, 'the axes do not fit', shapes);
}

/** Names the axes of several tensors for an error, without checking them. Never throws. */
export function describeShapes(spec: Spec): readonly BoundShape[] {
  return namedAll(spec);
}

/** Whether two shapes are equal. Never throws. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether every axis is a whole number ≥ 0. Never throws. */
export function areSizes(shape: readonly number[]): boolean {
  for (let i = 0; i < shape.length; i++) if (!Number.isInteger(shape[i]) || shape[i]! < 0) return false;
  return true;
}

/** A shape with another last axis. Never throws. */
export function withLast(shape: readonly number[], size: number): readonly number[] {
  // a slice of a frozen array takes ten times as long
  const other = [...shape];
  other[Math.max(0, other.length - 1)] = size;
  return other;
}

/** A shape without its last axis. Never throws. */
export function withoutLast(shape: readonly number[]): readonly number[] {
  const other = [...shape];
  other.pop();
  return other;
}

/** Number of elements of a shape. Never throws. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i]!;
  return size;
}

function namedAll(spec: Spec): ReturnType<typeof named>[] {
  return Object.entries(spec).flatMap(([name, entry]) =>
    entry ? [named(name, entry[0].shape, entry[1])] : [],
  );
}

function named(
  name: string,
  shape: readonly number[],
  wanted: string,
): BoundShape & { readonly wanted: string } {
  const list = wanted === '' ? [] : wanted.split(' ');
  if (list[0] !== '...') return { name, axes: list, shape, wanted };
  const tail = list.slice(1);
  const lead = Math.max(0, shape.length - tail.length);
  return { name, axes: [...Array<string>(lead).fill('…'), ...tail], shape, wanted };
}
