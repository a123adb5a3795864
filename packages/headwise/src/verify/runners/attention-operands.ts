import { type HostTensor, numbersOf } from '@headwise/models';
import { type Device, type Tensor, tensor } from '@headwise/tensor';
import { compareOutputs } from '../compare.ts';
import { type Got, Skip, type VerifyCase } from '../contract.ts';
import { floats } from '../operands.ts';
import { broadcastTo, type HostArray, moveAxis, sizeOf } from './axes.ts';

/** What float32 can be asked for, relative to a value. */
const FLOAT32_RTOL = 1e-6;

/** A head-major input `[B, H, L, D]` as this library has it: `[B, L, H, D]`. */
export function tokenMajor(device: Device, host: HostTensor): Tensor {
  const moved = moveAxis({ shape: host.shape, data: floats(host) }, 1, 2);
  return tensor(device, moved.data, moved.shape);
}

/** `[B, L, H · D]` with its heads apart: `[B, L, H, D]`. */
export function withHeads(device: Device, host: HostTensor, H: number): Tensor {
  const [B, L, width] = host.shape as [number, number, number];
  return tensor(device, floats(host), [B, L, H, width / H]);
}

/** `[B, L, H, D]` on a device as the head-major array `[B, H, L, D]` that a case wants. */
export async function headMajor(x: Tensor): Promise<Got[string]> {
  return moveAxis({ shape: x.shape, data: (await x.data()) as Float32Array }, 1, 2);
}

/** A tensor as it lies, under the shape that a case wants. */
export async function read(x: Tensor, shape: readonly number[] = x.shape): Promise<Got[string]> {
  return { shape, data: (await x.data()) as Float32Array };
}

/** 1 where a key is seen: scores are −∞ where not. The first head of the first sequence speaks for all. */
export async function visible(scores: Tensor): Promise<Got[string]> {
  const [, , Lq, Lk] = scores.shape as [number, number, number, number];
  const values = ((await scores.data()) as Float32Array).subarray(0, Lq * Lk);
  return { shape: [Lq, Lk], data: Uint8Array.from(values, (score) => (score === -Infinity ? 0 : 1)) };
}

/** A boolean mask (true: seen) or an additive one as a bias: −∞ where hidden. */
export function maskValues(mask: HostTensor): Float32Array {
  return mask.dtype === 'BOOL'
    ? Float32Array.from(numbersOf(mask), (seen) => (seen ? 0 : -Infinity))
    : floats(mask);
}

/** A mask of any rank as a bias `[B | 1, H | 1, Lq, Lk]`, repeated as numpy does: its axes are aligned on the right. */
export function maskBias(
  device: Device,
  mask: HostTensor,
  sizes: readonly [Lq: number, Lk: number],
): Tensor<'B H Lq Lk'> {
  return biasOf(device, { shape: mask.shape, data: maskValues(mask) }, sizes);
}

/**
 * ONNX's `attn_mask` as a bias. One whose last axis is shorter than the keys hides the rest of them, and one of size 1
 * is no exception: the operator pads it with −∞ before it repeats the other axes, as its reference does.
 *
 * @see {@link https://onnx.ai/onnx/operators/onnx__Attention.html}, `attn_mask`; `_compute_attention` of onnx 1.23.2
 */
export function onnxMaskBias(
  device: Device,
  mask: HostTensor,
  [Lq, Lk]: readonly [Lq: number, Lk: number],
): Tensor<'B H Lq Lk'> {
  const columns = mask.shape.at(-1) ?? Lk;
  if (columns >= Lk) return maskBias(device, mask, [Lq, Lk]);
  const values = maskValues(mask);
  const shape = [...mask.shape.slice(0, -1), Lk];
  const data = new Float32Array(sizeOf(shape)).fill(-Infinity);
  for (let row = 0; row < data.length / Lk; row++)
    data.set(values.subarray(row * columns, (row + 1) * columns), row * Lk);
  return biasOf(device, { shape, data }, [Lq, Lk]);
}

function biasOf(
  device: Device,
  given: HostArray,
  [Lq, Lk]: readonly [Lq: number, Lk: number],
): Tensor<'B H Lq Lk'> {
  const [B, H] = [1, 1, 1, 1].slice(given.shape.length).concat(given.shape) as [number, number];
  const full = broadcastTo(given, [B, H, Lq, Lk]);
  return tensor<'B H Lq Lk'>(device, full.data, full.shape);
}

/** Positions of keys `[B, Lk]` from what is kept: `j`, and −1 for padding. */
export function keptPositions<Axis extends string = 'Lk'>(
  device: Device,
  kept: HostTensor,
  keeps: (value: number) => boolean = (value) => value !== 0,
): Tensor<`B ${Axis}`, 'i32'> {
  const Lk = kept.shape[1]!;
  const positions = Int32Array.from(numbersOf(kept), (value, i) => (keeps(value) ? i % Lk : -1));
  return tensor<`B ${Axis}`>(device, positions, kept.shape);
}

/** @throws {Skip} where a case wants float64 results more exactly than float32 can hold them. */
export function skipFloat64({ outputs, tolerance }: VerifyCase): void {
  const name = Object.keys(outputs).find(
    (output) => outputs[output]!.dtype === 'F64' && tolerance(output).rtol < FLOAT32_RTOL,
  );
  if (name !== undefined)
    throw new Skip(`${name} is float64 to ${tolerance(name).rtol} of its value; devices compute in float32`);
}

/**
 * Computes a case in several ways that must agree: one pass and chunks, naive and absorbed.
 *
 * @returns what the first way gives that is wrong, or what the last one gives
 */
export async function everyWay(testCase: VerifyCase, ways: readonly (() => Promise<Got>)[]): Promise<Got> {
  let got: Got = {};
  for (const way of ways) {
    got = await way();
    if (compareOutputs(testCase, got).problem !== undefined) return got;
  }
  return got;
}

/** Inputs by name, of which those listed must be there. @throws {TypeError} naming the one that is not. */
export function inputsOf<const Name extends string>(
  { inputs, op }: VerifyCase,
  ...names: readonly Name[]
): { readonly [N in Name]: HostTensor } {
  for (const name of names) if (!inputs[name]) throw new TypeError(`${op}: the case has no input ${name}`);
  return inputs as { readonly [N in Name]: HostTensor };
}

/** @throws {TypeError} for an input that the runner does not know, since leaving it out would change the meaning. */
export function refuseOthers({ inputs, op }: VerifyCase, known: readonly string[]): void {
  const other = Object.keys(inputs).find((name) => !known.includes(name));
  if (other !== undefined) throw new TypeError(`${op}: the runner does not know the input ${other}`);
}
