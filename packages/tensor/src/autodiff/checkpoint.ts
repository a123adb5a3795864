import type { Op, OpInputs, TensorHandle } from '../contracts/device.ts';
import { currentRecorder, type Recorder, recording, run } from '../op.ts';
import { scope } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { Tape } from './tape.ts';
import { tensorsIn, withLeaves } from './tree.ts';

/**
 * The same function, of which a tape keeps the arguments only: on the way back it is computed again. A layer of a deep
 * model in a checkpoint costs one more forward pass of it, and the memory of its input.
 *
 * The function must do the same again: no random numbers but from a seed that it is given. What it reads beside its
 * arguments (weights) must not be freed before the way back.
 *
 * @returns what `fn` returns: a tensor, or tensors in nested records and arrays
 * @throws what `fn` throws.
 * @example
 * const layer = checkpoint((x: Tensor) => block(weights, x));
 */
export function checkpoint<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => {
    const tape = currentRecorder();
    return tape instanceof Tape ? recorded(tape, fn, args) : fn(...args);
  };
}

/** Runs everything, and notes which tensors of a tape are read. */
class Reader implements Recorder {
  readonly read = new Set<TensorHandle>();

  constructor(readonly tape: Tape) {}

  run(op: Op, inputs: OpInputs, params: object): TensorHandle[] {
    for (const name in inputs) {
      const tensor = inputs[name];
      if (tensor && this.tape.variableOf(tensor)) this.read.add(tensor);
    }
    return recording(this.tape.outer, () => run(op, inputs, params));
  }
}

function recorded<Args extends readonly unknown[], Result>(
  tape: Tape,
  fn: (...args: Args) => Result,
  args: Args,
): Result {
  const reader = new Reader(tape);
  const result = recording(reader, () => scope(() => fn(...args)));
  if (reader.read.size === 0) return result;
  const given = new Set(tensorsIn(args));
  // an argument may be freed after this call; what else is read is the caller's to keep
  const held = new Map([...given].map((tensor) => [tensor, tape.hold(tensor)]));
  const leaves = [...reader.read].map((tensor) => ({
    variable: tape.variableOf(tensor)!,
    again: held.get(tensor) ?? (tensor as Tensor),
  }));
  tape.step('checkpoint', tensorsIn(result), [...held.values()], (gradients) => {
    const inner = new Tape(tape.outer);
    try {
      const variables = leaves.map(({ again }) => inner.watch(again));
      const again = recording(inner, () =>
        scope(() => fn(...withLeaves(args, (tensor) => held.get(tensor as TensorHandle)!))),
      );
      tensorsIn(again).forEach((tensor, i) => {
        const variable = inner.variableOf(tensor);
        const gradient = gradients[i];
        if (variable && gradient) inner.accumulate(variable, gradient);
      });
      inner.back();
      leaves.forEach(({ variable }, i) => {
        const { gradient } = variables[i]!;
        if (gradient) tape.accumulate(variable, gradient);
      });
    } finally {
      inner.dispose();
    }
  });
  return result;
}
