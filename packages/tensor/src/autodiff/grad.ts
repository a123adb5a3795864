import { ValueError } from '../errors.ts';
import { currentRecorder, recording } from '../op.ts';
import { scope } from '../scope.ts';
import { Tensor, tensor, zeros } from '../tensor.ts';
import { Tape } from './tape.ts';
import { leavesOf, withLeaves } from './tree.ts';

/** What a function to be differentiated returns: the loss, or a record with it and anything else. */
export type Loss = Tensor | { readonly loss: Tensor };

/** The result of one call of a function, and its gradients. */
export interface ValueAndGrads<Params, Value> {
  /** What the function returned. */
  readonly value: Value;
  /** Of the parameters, in the same tree. */
  readonly grads: Params;
  /** Paths (`layers.0.q`) of the parameters that the loss does not depend on; their gradients are zeros. */
  readonly unused: readonly string[];
}

/**
 * The function that returns what `fn` returns, and the gradient of its loss by every tensor of its first argument: a
 * tensor, or tensors in nested records and arrays. Reverse mode: one pass forward, one back.
 *
 * What `fn` makes is freed when it returns, but for what it returns and what the way back needs, which is freed step by
 * step; all of it when something throws. Inside, tensors are not changed in place: train with `createThrough` states.
 *
 * @throws {ValueError} if `params` holds anything but f32 tensors, or one twice; if `fn` changes a tensor in place that
 *   a gradient depends on, or runs an operation without gradient on one; if the loss is no single number.
 * @throws {DeviceError} if the device cannot run a rule.
 * @throws what `fn` throws.
 * @example
 * const step = valueAndGrad((p: { w: Tensor }, x: Tensor) => reduce(linear(x, p.w), 'sum', [0, 1]));
 * const { value, grads } = step({ w }, x);
 */
export function valueAndGrad<Params, Rest extends readonly unknown[], Value extends Loss>(
  fn: (params: Params, ...rest: Rest) => Value,
): (params: Params, ...rest: Rest) => ValueAndGrads<Params, Value> {
  return (params, ...rest) => {
    const leaves = leavesOf('valueAndGrad', 'params', params);
    const tape = new Tape(currentRecorder());
    try {
      return scope(() => {
        const variables = leaves.map(({ tensor: leaf }) => tape.watch(leaf));
        const value = recording(tape, () => scope(() => fn(params, ...rest)));
        const loss = lossOf(value);
        const variable = tape.variableOf(loss);
        if (variable) tape.accumulate(variable, tensor(loss.device, [1], loss.shape));
        tape.back();
        const grads = new Map<Tensor, Tensor>();
        leaves.forEach(({ tensor: leaf }, i) => {
          const found = variables[i]!.gradient;
          grads.set(leaf, found ? found.reshape(leaf.shape) : zeros(leaf.device, leaf.shape));
        });
        const unused = leaves.filter((_, i) => !variables[i]!.gradient).map(({ path }) => path);
        return {
          value,
          grads: withLeaves(params, (leaf) => grads.get(leaf)),
          unused: unused.map((path) => path.slice('params.'.length)),
        };
      });
    } finally {
      tape.dispose();
    }
  };
}

/**
 * The function that returns the gradients alone; see `valueAndGrad`.
 *
 * @throws what `valueAndGrad` throws.
 * @example
 * const { w } = grad((p: { w: Tensor }) => reduce(multiply(p.w, p.w), 'sum'))({ w }); // 2 · w
 */
export function grad<Params, Rest extends readonly unknown[]>(
  fn: (params: Params, ...rest: Rest) => Loss,
): (params: Params, ...rest: Rest) => Params {
  const both = valueAndGrad(fn);
  return (params, ...rest) => scope(() => both(params, ...rest).grads);
}

/**
 * The same numbers, through which no gradient flows back; shares the memory.
 *
 * @throws {DeviceError} if the tensor is disposed.
 */
export function stopGradient<T extends Tensor>(x: T): T {
  x.use('stopGradient');
  return x.sharing(x.shape) as T;
}

function lossOf(value: unknown): Tensor {
  const loss = Tensor.isInstance(value) ? value : (value as { loss?: unknown } | null)?.loss;
  if (!Tensor.isInstance(loss))
    throw new ValueError(
      'valueAndGrad',
      'fn',
      'must return the loss, a tensor, or { loss, … }',
      typeof value,
    );
  if (loss.size !== 1)
    throw new ValueError(
      'valueAndGrad',
      'the loss',
      'must be a single number (reduce it: a sum or a mean)',
      `[${loss.shape.join(', ')}]`,
    );
  return loss;
}
