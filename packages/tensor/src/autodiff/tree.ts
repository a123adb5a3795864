import type { TensorHandle } from '../contracts/device.ts';
import { ValueError } from '../errors.ts';
import { Tensor } from '../tensor.ts';

/** Tensors in nested records and arrays; what is `undefined` is left out. */
export type Tree = Tensor | undefined | readonly Tree[] | { readonly [name: string]: Tree };

/** A tensor of a tree and where it stands: `params.layers.0.q`. */
export interface Leaf {
  readonly path: string;
  readonly tensor: Tensor;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/**
 * The tensors of a tree of parameters, in order, each with its path.
 *
 * @throws {ValueError} for anything else in it, a tensor that is not f32, or one that stands at two places.
 */
export function leavesOf(op: string, name: string, tree: unknown): readonly Leaf[] {
  const leaves: Leaf[] = [];
  const seen = new Map<Tensor, string>();
  const visit = (value: unknown, path: string): void => {
    if (value === undefined) return;
    if (Tensor.isInstance(value)) {
      if (value.dtype !== 'f32')
        throw new ValueError(op, path, 'must be f32: gradients flow to f32 only', value.dtype);
      const first = seen.get(value);
      if (first !== undefined)
        throw new ValueError(op, path, `must not be the same tensor as ${first}: give it once`, 'it twice');
      seen.set(value, path);
      leaves.push({ path, tensor: value });
    } else if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(item, `${path}.${i}`);
    else if (isRecord(value)) for (const key in value) visit(value[key], `${path}.${key}`);
    else
      throw new ValueError(
        op,
        path,
        'must be a tensor, or an array or plain object of tensors',
        typeof value,
      );
  };
  visit(tree, name);
  return leaves;
}

/** The same tree with another tensor in place of each, by the order of `leavesOf`. Never throws. */
export function withLeaves<T>(tree: T, replace: (tensor: Tensor) => unknown): T {
  const visit = (value: unknown): unknown => {
    if (Tensor.isInstance(value)) return replace(value);
    if (Array.isArray(value)) return value.map(visit);
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, visit(item)]));
  };
  return visit(tree) as T;
}

/** Every tensor of any value, in order; what is none is passed over. Never throws. */
export function tensorsIn(value: unknown): readonly TensorHandle[] {
  const found: TensorHandle[] = [];
  withLeaves(value, (tensor) => found.push(tensor));
  return found;
}
