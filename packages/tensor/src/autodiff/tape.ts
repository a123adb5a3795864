import type { Device, DeviceBuffer, Op, OpInputs, ShapedInput, TensorHandle } from '../contracts/device.ts';
import type { Backward, Gradient } from '../contracts/gradient.ts';
import { DeviceError, ValueError } from '../errors.ts';
import { type Recorder, recording, run } from '../op.ts';
import { add } from '../ops/elementwise.ts';
import { keep, scope } from '../scope.ts';
import { type Tensor, zeros } from '../tensor.ts';
import { gradientOps } from './ops.ts';

/** A tensor that depends on a parameter: its gradient so far. */
export interface Variable {
  readonly shape: readonly number[];
  gradient: Tensor | undefined;
}

/** One operation that gradients pass back through. */
interface Step {
  readonly name: string;
  /** The results, `undefined` where none passes back. */
  readonly results: readonly (Variable | undefined)[];
  /** Adds to the gradients of the arguments. */
  readonly back: (gradients: readonly (Tensor | undefined)[]) => void;
  /** What only this step needs. */
  readonly held: readonly Tensor[];
}

type AnyGradient = Gradient<TensorHandle, OpInputs, object>;

/**
 * What ran, as far as it depends on parameters, and of its tensors those that a rule reads. Tensors are held by handles
 * of their own, so that scopes go on freeing what they made.
 */
export class Tape implements Recorder {
  readonly #variables = new Map<TensorHandle, Variable>();
  readonly #steps: Step[] = [];
  /** Buffers that rules read, to refuse a change of them. */
  readonly #held = new Map<DeviceBuffer, number>();

  /** @param outer the recorder around this one: gradients of gradients */
  constructor(readonly outer: Recorder | undefined) {}

  /** Makes a tensor one that gradients flow to. Never throws. */
  watch(tensor: TensorHandle): Variable {
    const variable: Variable = { shape: tensor.shape, gradient: undefined };
    this.#variables.set(tensor, variable);
    return variable;
  }

  /** What is known of a tensor; `undefined` where it depends on no parameter. Never throws. */
  variableOf(tensor: TensorHandle): Variable | undefined {
    return this.#variables.get(tensor);
  }

  run(op: Op, inputs: OpInputs, params: object): TensorHandle[] {
    const wanted = Object.keys(inputs).filter((name) => inputs[name] && this.#variables.has(inputs[name]));
    if (op.stores !== undefined) this.#checkStore(op, inputs, wanted);
    const gradient = op.gradient as AnyGradient | undefined;
    if (wanted.length === 0 || gradient?.flows?.(params) === false) return this.#plain(op, inputs, params);
    if (gradient) return this.#record(op, gradient, inputs, params, wanted);
    if (!op.lower)
      throw new ValueError(
        op.name,
        wanted[0]!,
        'must not depend on a parameter: the operation has neither a gradient nor a composition (give it one, or stopGradient the argument)',
        'one that does',
      );
    op.outputs(inputs as Record<string, ShapedInput>, params);
    return scope(() => [...op.lower!(inputs, params)]);
  }

  /**
   * Records a step that is no operation.
   *
   * @param results tensors that gradients come back to
   * @param held what is freed with the step; the tape owns it
   */
  step(name: string, results: readonly TensorHandle[], held: readonly Tensor[], back: Step['back']): void {
    const variables = results.map((result) => (result.dtype === 'f32' ? this.watch(result) : undefined));
    for (const tensor of held) {
      const buffer = tensor.use(name);
      this.#held.set(buffer, (this.#held.get(buffer) ?? 0) + 1);
    }
    this.#steps.push({ name, results: variables, back, held });
  }

  /** A handle of the tape's own over the same memory. */
  hold(tensor: TensorHandle): Tensor {
    // an operation only where another tape is to see it
    if (this.outer === undefined) return keep(tensor.sharing(tensor.shape) as Tensor);
    return keep(recording(this.outer, () => (tensor as Tensor).reshape(tensor.shape)));
  }

  /** Adds to the gradient of a variable; the tensor stays the caller's. */
  accumulate(to: Variable, gradient: Tensor): void {
    const before = to.gradient;
    // a handle of its own: a rule may return what it was given, or one tensor for two arguments
    const part = this.outer ? gradient.reshape(to.shape) : (gradient.sharing(to.shape) as Tensor);
    to.gradient = keep(before ? add(before, part) : part);
    before?.dispose();
  }

  /** Goes back through every step, the last one first, and frees each once it is done. */
  back(): void {
    recording(this.outer, () => {
      for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
        const gradients = step.results.map((variable) => variable?.gradient);
        try {
          if (gradients.some((gradient) => gradient !== undefined)) scope(() => step.back(gradients));
        } finally {
          for (const variable of step.results) {
            variable?.gradient?.dispose();
            if (variable) variable.gradient = undefined;
          }
          this.#release(step);
        }
      }
    });
  }

  /** Frees everything that is still held. */
  dispose(): void {
    for (const step of this.#steps.splice(0)) this.#release(step);
    for (const variable of this.#variables.values()) variable.gradient?.dispose();
    this.#variables.clear();
  }

  #release({ held }: Step): void {
    for (const tensor of held) {
      const buffer = tensor.use('tape');
      const times = this.#held.get(buffer)! - 1;
      if (times === 0) this.#held.delete(buffer);
      else this.#held.set(buffer, times);
      tensor.dispose();
    }
  }

  #plain(op: Op, inputs: OpInputs, params: object): TensorHandle[] {
    return recording(this.outer, () => run(op, inputs, params));
  }

  #record(
    op: Op,
    gradient: AnyGradient,
    inputs: OpInputs,
    params: object,
    dependent: readonly string[],
  ): TensorHandle[] {
    refuse(op, gradient, inputs[dependent[0]!]!.device, params, dependent);
    const wanted = new Set(dependent);
    const full = gradient.taped?.(params) ?? params;
    const all = this.#plain(op, inputs, full);
    const given = Object.keys(inputs).filter((name) => inputs[name]);
    const count =
      full === params ? all.length : op.outputs(inputs as Record<string, ShapedInput>, params).length;
    const wants = (name: string): boolean => wanted.has(name);
    const held = this.#keep(gradient.keeps?.(wants, params) ?? [], inputs, all);
    for (const extra of all.splice(count)) extra.dispose();
    const variables = new Map(dependent.map((name) => [name, this.#variables.get(inputs[name]!)!]));
    const shapes = Object.fromEntries(given.map((name) => [name, inputs[name]!.shape]));
    const first = all[0]!;
    const call: Omit<Backward<Tensor, OpInputs, object>, 'dy' | 'gradients'> = {
      inputs: Object.fromEntries([...held].filter(([name]) => typeof name === 'string')) as OpInputs,
      shapes: shapes as never,
      params: full,
      wants,
      result(index) {
        const tensor = held.get(index);
        if (!tensor) throw new RangeError(`the gradient of ${op.name} did not keep result ${index}`);
        return tensor;
      },
    };
    this.step(op.name, all, [...held.values()], (gradients) => {
      const dy = gradients[0] ?? zeros(first.device, first.shape);
      const found = gradient.rule({ ...call, dy, gradients } as never, gradientOps as never) as Readonly<
        Record<string, Tensor | undefined>
      >;
      for (const [name, variable] of variables) {
        const part = found[name];
        if (part) this.accumulate(variable, part);
      }
    });
    return all;
  }

  /** Handles of what a rule reads, by the name of an argument or the number of a result; all or none. */
  #keep(
    names: readonly (string | number)[],
    inputs: OpInputs,
    results: readonly TensorHandle[],
  ): ReadonlyMap<string | number, Tensor> {
    const held = new Map<string | number, Tensor>();
    try {
      for (const name of names) {
        const tensor = typeof name === 'number' ? results[name] : inputs[name];
        if (tensor && !held.has(name)) held.set(name, this.hold(tensor));
      }
      return held;
    } catch (error) {
      for (const tensor of [...held.values(), ...results]) tensor.dispose();
      throw error;
    }
  }

  /** What a rule reads must stay as it was; and no gradient passes through a change in place. */
  #checkStore(op: Op, inputs: OpInputs, wanted: readonly string[]): void {
    const cure =
      'copy instead: train with states of createThrough, which keep nothing, and join tensors with concat';
    if (wanted.length > 0)
      throw new ValueError(
        op.name,
        wanted[0]!,
        `must not depend on a parameter, for no gradient passes through a change in place; ${cure}`,
        'one that does',
      );
    const target = inputs[op.stores!];
    if (target && this.#held.has(target.use(op.name, op.stores)))
      throw new ValueError(op.name, op.stores!, `must not be what a gradient still needs; ${cure}`, 'it');
  }
}

/** Refuses, before anything runs, what has no gradient here. */
function refuse(
  op: Op,
  gradient: AnyGradient,
  device: Device,
  params: object,
  dependent: readonly string[],
): void {
  const barred = gradient.to && dependent.find((name) => !gradient.to!.includes(name));
  if (barred !== undefined)
    throw new ValueError(
      op.name,
      barred,
      'must not depend on a parameter: no gradient flows to it (stopGradient it)',
      'one that does',
    );
  const reasons = gradient.refuses?.(params, device.precision.dtype === 'f64') ?? [];
  if (reasons.length > 0)
    throw new DeviceError(
      device.name,
      `cannot run the gradient of ${op.name}`,
      reasons,
      'Choose another device.',
    );
}
