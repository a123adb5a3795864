import type {
  Device,
  Op,
  Operand,
  OpInputs,
  OutputSpec,
  ShapedInput,
  TensorHandle,
} from './contracts/device.ts';
import { DeviceError, ValueError } from './errors.ts';
import { scope } from './scope.ts';

/**
 * Keeps the exact types of an operation, and lays all operations out alike: `run` reads the same fields of every one,
 * which an engine does several times faster where they have one form. Never throws.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineOp<const Inputs extends OpInputs, Params extends object>(
  op: Op<Inputs, Params>,
): Op<Inputs, Params> {
  const { name, dtypes, outputs, reference, gpujs, lower, gradient, shares, stores, inMemory } = op;
  const alike = { name, dtypes, outputs, reference, gpujs, lower, gradient, shares, stores, inMemory };
  return alike as Op<Inputs, Params>;
}

/** One operation that has run: what a tape, a recording or a checker sees. */
export interface Ran {
  readonly op: Op;
  readonly inputs: OpInputs;
  readonly params: object;
  /** The results; for an operation that stores, none. */
  readonly results: readonly TensorHandle[];
}

const watchers: ((ran: Ran) => void)[] = [];

/** Where a gradient tape attaches: it is given every operation, and runs it. */
export interface Recorder {
  run(op: Op, inputs: OpInputs, params: object): TensorHandle[];
}

let recorder: Recorder | undefined;

/** The recorder that operations go to now, if any. Never throws. */
export function currentRecorder(): Recorder | undefined {
  return recorder;
}

/**
 * Sends every operation inside `work` to a recorder, or to none.
 *
 * @returns what `work` returns
 * @throws what `work` throws.
 */
export function recording<Result>(by: Recorder | undefined, work: () => Result): Result {
  const outer = recorder;
  recorder = by;
  try {
    return work();
  } finally {
    recorder = outer;
  }
}

/** Whether somebody wants to see every operation: a tape, or a watcher. Never throws. */
export function isObserved(): boolean {
  return recorder !== undefined || watchers.length > 0;
}

/**
 * Shows every operation that runs inside `work`, in order, those of a composition instead of the composed one: also
 * each new shape over the same memory (`reshape`) and each store in place (`write`).
 *
 * @returns what `work` returns
 * @throws what `work` or the watcher throws.
 * @example
 * const names: string[] = [];
 * watch(({ op }) => names.push(op.name), () => softmax(linear(x, weight)));
 */
export function watch<Result>(watcher: (ran: Ran) => void, work: () => Result): Result {
  watchers.push(watcher);
  try {
    return work();
  } finally {
    watchers.splice(watchers.lastIndexOf(watcher), 1);
  }
}

/**
 * Runs an operation on the device of its tensors and returns at once; reading is what waits. Every operation of
 * every package passes through here, so this is the one place where a gradient tape attaches.
 *
 * @throws {ShapeError} if the shapes disagree.
 * @throws {ValueError} if a parameter is out of range, or an argument is of another dtype than the operation takes.
 * @throws {DeviceError} if the tensors live on different devices, one is disposed, or the device cannot run it.
 */
export function run<Inputs extends OpInputs, Params extends object>(
  op: Op<Inputs, Params>,
  inputs: Inputs,
  params: Params,
): TensorHandle[] {
  if (recorder !== undefined) return recorder.run(op, inputs, params);
  return perform(op, inputs, params);
}

function perform(op: Op, inputs: OpInputs, params: object): TensorHandle[] {
  const operands: Record<string, Operand> = {};
  let first: TensorHandle | undefined;
  for (const name in inputs) {
    const tensor = inputs[name];
    if (tensor === undefined) continue;
    operands[name] = operandOf(op, name, tensor, first?.device);
    first ??= tensor;
  }
  if (!first) throw new TypeError(`${op.name}: needs at least one tensor`);
  const outputs = op.outputs(operands as never, params);
  if (op.stores !== undefined) checkApart(op, operands, first.device);
  const { device } = first;
  if (!inMemory(op)) {
    const reasons = device.supports(op, operands, params);
    if (reasons.length > 0) {
      if (op.lower) return scope(() => [...op.lower!(inputs, params)]);
      throw new DeviceError(device.name, `cannot run ${op.name}`, reasons, 'Choose another device.');
    }
  }
  const results = execute(op, inputs, operands, params, outputs, first);
  if (watchers.length > 0) show({ op, inputs, params, results });
  return results;
}

/** Gives every watcher what has run; of one that throws the results are freed. */
function show(ran: Ran): void {
  try {
    for (const watcher of watchers) watcher(ran);
  } catch (error) {
    for (const result of ran.results) result.dispose();
    throw error;
  }
}

function execute(
  op: Op,
  inputs: OpInputs,
  operands: Readonly<Record<string, Operand>>,
  params: object,
  outputs: readonly OutputSpec[],
  first: TensorHandle,
): TensorHandle[] {
  if (op.shares !== undefined) return [inputs[op.shares]!.sharing(outputs[0]!.shape)];
  if (op.inMemory) {
    op.inMemory(first.device, operands, params);
    return [];
  }
  const buffers = first.device.run({ op, inputs: operands, params, outputs });
  const results: TensorHandle[] = [];
  for (let i = 0; i < outputs.length; i++) results.push(first.over(buffers[i]!, outputs[i]!.shape));
  return results;
}

/** What an operation changes in place it does not read as another argument. */
function checkApart(op: Op, operands: Readonly<Record<string, Operand>>, device: Device): void {
  const target = operands[op.stores!];
  for (const name in operands) {
    if (name === op.stores || operands[name]!.buffer !== target?.buffer) continue;
    throw new DeviceError(
      device.name,
      `${op.name} cannot copy a buffer onto itself: ${op.stores} and ${name} share their memory`,
      [],
      'Copy through a buffer of its own.',
    );
  }
}

/** A tensor argument, checked: it is one, of this device, alive, and of the dtype that the operation takes. */
function operandOf(op: Op, name: string, tensor: TensorHandle, device: Device | undefined): Operand {
  if (typeof tensor?.use !== 'function')
    throw new TypeError(`${op.name}: ${name} must be a tensor, got ${typeof tensor}`);
  if (device && tensor.device !== device) {
    throw new DeviceError(
      device.name,
      `${op.name} was given ${name} from another device, ${tensor.device.name}`,
      [],
      'Read it and make a tensor on this device.',
    );
  }
  const wanted = op.dtypes?.[name] ?? 'f32';
  if (wanted !== 'any' && tensor.dtype !== wanted) {
    const how = wanted === 'i32' ? 'an Int32Array' : 'a Float32Array or numbers';
    throw new ValueError(
      op.name,
      name,
      `must be of dtype ${wanted} (tensor() makes it from ${how})`,
      tensor.dtype,
    );
  }
  return { shape: tensor.shape, dtype: tensor.dtype, buffer: tensor.use(op.name, name) };
}

/**
 * Why an operation cannot run on a device; empty when it can, by a kernel of the device or by its composition.
 *
 * Never throws.
 */
export function reasonsAgainst(
  device: Device,
  op: Op,
  inputs: Readonly<Record<string, ShapedInput>>,
  params: object,
): readonly string[] {
  return op.lower || inMemory(op) ? [] : device.supports(op, inputs, params);
}

/** Whether an operation only moves or renames what a device holds, for which none needs a kernel. */
function inMemory(op: Op): boolean {
  return op.shares !== undefined || op.inMemory !== undefined;
}
