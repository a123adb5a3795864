import { type BoundShape, ShapeError } from './errors.ts';

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
 */
export function bindAxes<const S extends Spec>(
  op: string,
  spec: S,
): { readonly [Name in AxisName<NonNullable<S[keyof S]>[1]>]: number } {
  const shapes = namedAll(spec);
  const bound: Record<string, { size: number; by: string }> = {};

  for (const { name, axes, shape, wanted } of shapes) {
    if (axes.length !== shape.length) {
      throw new ShapeError(op, `${name} must have the axes [${wanted}], it has ${shape.length}`, shapes);
    }
    axes.forEach((axis, i) => {
      const size = shape[i]!;
      if (axis === '…') return;
      const literal = Number(axis);
      if (Number.isInteger(literal)) {
        if (size !== literal)
          throw new ShapeError(op, `axis ${i} of ${name} must be ${literal}, it is ${size}`, shapes);
        return;
      }
      const before = bound[axis];
      if (before && before.size !== size) {
        throw new ShapeError(
          op,
          `axis ${axis} has two sizes: ${before.by} says ${before.size}, ${name} says ${size}`,
          shapes,
          axis,
        );
      }
      bound[axis] ??= { size, by: name };
    });
  }
  return Object.fromEntries(Object.entries(bound).map(([axis, { size }]) => [axis, size])) as never;
}

/** Names the axes of several tensors for an error, without checking them. */
export function describeShapes(spec: Spec): readonly BoundShape[] {
  return namedAll(spec);
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, axis) => size * axis, 1);
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
