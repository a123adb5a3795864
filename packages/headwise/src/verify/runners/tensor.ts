import type { HostTensor } from '@headwise/models';
import {
  type Device,
  gather,
  gelu,
  layerNormOp,
  linear,
  logSoftmax,
  matmul,
  rmsNorm,
  run,
  silu,
  softmax,
  type Tensor,
  tensor,
  topK,
} from '@headwise/tensor';
import type { Got, Runner, Runners } from '../contract.ts';
import { floats, floatTensor, wholeNumbers } from '../operands.ts';
import { axisOf, broadcastTo, type HostArray, moveAxis, sizeOf } from './axes.ts';

/** The operations of `@headwise/tensor` against ONNX's operators of the same meaning. */
export const tensorRunners: Runners = {
  Gather: runGather,
  GatherElements: runGatherElements,
  Gelu: ({ inputs, attributes }, device) =>
    onEach(device, inputs.x!, (x) => gelu(x, { kind: attributes.approximate === 'tanh' ? 'tanh' : 'exact' })),
  LayerNormalization: runLayerNorm,
  LogSoftmax: alongAxis(logSoftmax),
  MatMul: runMatmul,
  RMSNormalization: runRmsNorm,
  Softmax: alongAxis(softmax),
  Swish: ({ inputs, attributes }, device) =>
    onEach(device, inputs.x!, (x) => silu(x, { alpha: Number(attributes.alpha ?? 1) })),
  TopK: runTopK,
};

/** Products with one right-hand matrix for all are projections as well. */
export const linearRunners: Runners = {
  async MatMul(testCase, device) {
    const { a, b } = testCase.inputs as { a: HostTensor; b: HostTensor };
    if (b.shape.length !== 2) return runMatmul(testCase, device);
    const x = floatTensor(device, a);
    const c = linear(x, floatTensor(device, b), { transposed: true });
    return { c: await read(c, [...a.shape.slice(0, -1), b.shape[1]!]) };
  },
};

/** numpy's `matmul`: a vector is a row on the left and a column on the right, and leading axes are repeated. */
async function runMatmul({ inputs }: Parameters<Runner>[0], device: Device): Promise<Got> {
  const { a, b } = inputs as { a: HostTensor; b: HostTensor };
  const left = { data: floats(a), shape: a.shape.length === 1 ? [1, ...a.shape] : a.shape };
  const right = { data: floats(b), shape: b.shape.length === 1 ? [...b.shape, 1] : b.shape };
  const [M, K] = left.shape.slice(-2) as [number, number];
  const N = right.shape.at(-1)!;
  const lead = broadcastShape(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const G = sizeOf(lead);
  const shared = sizeOf(right.shape.slice(0, -2)) === 1;
  const c = matmul(
    tensor(device, broadcastTo(left, [...lead, M, K]).data, [G, M, K]),
    shared
      ? tensor(device, right.data, [1, K, N])
      : tensor(device, broadcastTo(right, [...lead, K, N]).data, [G, K, N]),
  );
  return { c: await read(c, [...lead, ...a.shape.slice(-2, -1), ...(b.shape.length > 1 ? [N] : [])]) };
}

async function runGather({ inputs, attributes }: Parameters<Runner>[0], device: Device): Promise<Got> {
  const data = hostOf(inputs.data!);
  const indices = inputs.indices!;
  const axis = axisOf(attributes.axis, data.shape.length, 0);
  const front = moveAxis(data, axis, 0);
  const [V, ...rest] = front.shape as [number, ...number[]];
  const table = tensor(device, front.data, [V, sizeOf(rest)]);
  const ids = tensor(device, fromEnd(wholeNumbers(indices), V), [indices.data.length]);
  const rows = (await gather(table, ids).data()) as Float32Array;
  // [indices, rest] → the indices' axes stand where the gathered axis stood
  const flat = moveAxis({ shape: [indices.data.length, ...rest], data: rows }, 0, axis);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  return { y: { shape, data: flat.data } };
}

/** `y[i][j] = data[index[i][j]][j]`: a look-up in the table of all elements. */
async function runGatherElements(
  { inputs, attributes }: Parameters<Runner>[0],
  device: Device,
): Promise<Got> {
  const data = hostOf(inputs.data!);
  const { shape } = inputs.indices!;
  const axis = axisOf(attributes.axis, data.shape.length, 0);
  const strides = data.shape.map((_, i) => sizeOf(data.shape.slice(i + 1)));
  const picked = fromEnd(wholeNumbers(inputs.indices!), data.shape[axis]!);
  const flat = picked.map((id, n) => {
    let rest = n;
    let at = 0;
    for (let i = shape.length - 1; i >= 0; i--) {
      at += (i === axis ? id : rest % shape[i]!) * strides[i]!;
      rest = Math.floor(rest / shape[i]!);
    }
    return at;
  });
  const table = tensor(device, data.data, [data.data.length, 1]);
  return { y: await read(gather(table, tensor(device, flat, shape)), shape) };
}

/** ONNX normalises over all axes from `axis` on: rows of their product. */
async function runLayerNorm({ inputs, attributes }: Parameters<Runner>[0], device: Device): Promise<Got> {
  const { rows, scale, shape, axis } = normalised(inputs.X!, attributes, device);
  const [y, mean, inverse] = run(
    layerNormOp,
    { x: rows, weight: scale(inputs.W), bias: scale(inputs.B) },
    { eps: Number(attributes.epsilon ?? 1e-5), statistics: true },
  ) as Tensor[];
  const moments = shape.map((size, i) => (i < axis ? size : 1));
  return {
    Y: await read(y!, shape),
    Mean: await read(mean!, moments),
    InvStdDev: await read(inverse!, moments),
  };
}

async function runRmsNorm({ inputs, attributes }: Parameters<Runner>[0], device: Device): Promise<Got> {
  const { rows, scale, shape } = normalised(inputs.X!, attributes, device);
  const y = rmsNorm(rows, scale(inputs.W), { eps: Number(attributes.epsilon ?? 1e-5) });
  return { Y: await read(y, shape) };
}

function normalised(X: HostTensor, attributes: Readonly<Record<string, unknown>>, device: Device) {
  const axis = axisOf(attributes.axis, X.shape.length, -1);
  const tail = X.shape.slice(axis);
  const E = sizeOf(tail);
  return {
    axis,
    shape: X.shape,
    rows: floatTensor(device, X, [sizeOf(X.shape.slice(0, axis)), E]),
    scale: (weight: HostTensor | undefined) =>
      weight && tensor(device, broadcastTo(hostOf(weight), tail).data, [E]),
  };
}

function alongAxis(op: (x: Tensor) => Tensor): Runner {
  return async ({ inputs, attributes }, device) => {
    const x = hostOf(inputs.x!);
    const axis = axisOf(attributes.axis, x.shape.length, -1);
    const last = x.shape.length - 1;
    const moved = moveAxis(x, axis, last);
    const y = await read(op(tensor(device, moved.data, moved.shape)), moved.shape);
    return { y: moveAxis(y, last, axis) };
  };
}

async function runTopK({ inputs, attributes }: Parameters<Runner>[0], device: Device): Promise<Got> {
  const x = hostOf(inputs.x!);
  const [k] = wholeNumbers(inputs.k!);
  const axis = axisOf(attributes.axis, x.shape.length, -1);
  const last = x.shape.length - 1;
  const moved = moveAxis(x, axis, last);
  const { values, indices } = topK(tensor(device, moved.data, moved.shape), k!, {
    largest: attributes.largest !== 0,
  });
  const shape = [...moved.shape.slice(0, -1), k!];
  const places = { shape, data: Float32Array.from(await indices.data()) };
  return {
    values: moveAxis(await read(values, shape), last, axis),
    indices: moveAxis(places, last, axis),
  };
}

async function onEach(device: Device, x: HostTensor, op: (x: Tensor) => Tensor): Promise<Got> {
  return { y: await read(op(floatTensor(device, x)), x.shape) };
}

async function read(x: Tensor | Tensor<string, 'f32' | 'i32'>, shape: readonly number[]): Promise<HostArray> {
  return { shape, data: (await x.data()) as Float32Array };
}

function hostOf(host: HostTensor): HostArray {
  return { shape: host.shape, data: floats(host) };
}

/** Negative indices count from the end; one outside is refused as ONNX does. */
function fromEnd(ids: Int32Array, size: number): Int32Array {
  return ids.map((id) => {
    if (id < -size || id >= size) throw new RangeError(`index ${id} is outside −${size} … ${size - 1}`);
    return id < 0 ? id + size : id;
  });
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (x !== y && x !== 1 && y !== 1)
      throw new RangeError(`axes of ${x} and ${y} cannot be repeated to one`);
    return x === 1 ? y : x;
  });
}
