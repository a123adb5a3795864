import type { Shaped } from './axes.ts';
import type { Device, DType, Operand, OutputSpec } from './device/device.ts';
import type { KernelPlan, PlanTarget } from './device/gpujs/plan.ts';
import { DeviceError } from './errors.ts';
import { Tensor } from './tensor.ts';

/** Tensor arguments by name; an optional one may be absent or `undefined`. */
export type OpInputs = { readonly [name: string]: Tensor | Tensor<string, 'i32'> | undefined };

/** A tensor argument as host numbers, for the reference. */
export interface HostArray extends Shaped {
  readonly data: Float64Array | Int32Array;
}

/** A tensor argument as shape and dtype, for checking. */
export interface ShapedInput extends Shaped {
  readonly dtype: DType;
}

/**
 * One operation: what it returns and what it means. Its float64 reference is the specification; a device
 * either knows the operation by its name or, for gpu.js, runs the plan that the operation brings along.
 */
// biome-ignore lint/suspicious/noExplicitAny: an operation of any inputs and parameters; `run` keeps the exact types
export interface Op<Inputs extends OpInputs = any, Params extends object = any> {
  readonly name: string;
  /**
   * Shapes of the results from the shapes of the arguments.
   * @throws {ShapeError} if the arguments disagree.
   * @throws {ValueError} if a parameter is out of range.
   */
  readonly outputs: (
    inputs: { readonly [K in keyof Inputs]: ShapedInput },
    params: Params,
  ) => readonly OutputSpec[];
  /** Plain loops in float64, one array per result, in the order of `outputs`. Readable before fast. */
  readonly reference: (
    inputs: { readonly [K in keyof Inputs]: HostArray },
    params: Params,
  ) => readonly Float64Array[];
  /** How gpu.js computes it. The operations of this package have theirs in `device/gpujs/`. */
  readonly gpujs?: (
    inputs: { readonly [K in keyof Inputs]: ShapedInput },
    params: Params,
    outputs: readonly OutputSpec[],
    target: PlanTarget,
  ) => KernelPlan;
}

/** Keeps the exact types of an operation; does nothing at run time. */
/* @__NO_SIDE_EFFECTS__ */
export function defineOp<const Inputs extends OpInputs, Params extends object>(
  op: Op<Inputs, Params>,
): Op<Inputs, Params> {
  return op;
}

/**
 * Runs an operation on the device of its tensors and returns at once; reading is what waits. Every operation of
 * every package passes through here, so this is the one place where a gradient tape attaches.
 *
 * @throws {ShapeError} if the shapes disagree.
 * @throws {ValueError} if a parameter is out of range.
 * @throws {DeviceError} if the tensors live on different devices, one is disposed, or the device cannot run it.
 */
export function run<Inputs extends OpInputs, Params extends object>(
  op: Op<Inputs, Params>,
  inputs: Inputs,
  params: Params,
): Tensor<string, DType>[] {
  const operands: Record<string, Operand> = {};
  let device: Device | undefined;
  for (const name in inputs) {
    const tensor = inputs[name];
    if (tensor === undefined) continue;
    if (!Tensor.isInstance(tensor))
      throw new TypeError(`${op.name}: ${name} must be a tensor, got ${typeof tensor}`);
    device ??= tensor.device;
    if (tensor.device !== device) {
      throw new DeviceError(
        device.name,
        `${op.name} was given ${name} from another device, ${tensor.device.name}`,
        [],
        'Read it and make a tensor on this device.',
      );
    }
    operands[name] = { shape: tensor.shape, dtype: tensor.dtype, buffer: tensor.use(op.name, name) };
  }
  if (!device) throw new TypeError(`${op.name}: needs at least one tensor`);

  const outputs = op.outputs(operands as never, params);
  const reasons = device.supports(op, params);
  if (reasons.length > 0)
    throw new DeviceError(device.name, `cannot run ${op.name}`, reasons, 'Choose another device.');
  const buffers = device.run({ op, inputs: operands, params, outputs });
  return outputs.map((output, i) => new Tensor(device, buffers[i]!, output.shape));
}
