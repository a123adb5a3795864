import {
  add,
  attention,
  type Device,
  linear,
  packWeights,
  type RowFormat,
  rmsNorm,
  rotary,
  storeRows,
  swiglu,
  type Tensor,
  tensor,
  zeros,
} from '@headwise/tensor';
import { seeded } from '@headwise/tensor/testing';

/** A layer of a decoder with weights of its own, and the numbers of a step where they stand in memory. */
export interface Layer {
  readonly x: Tensor;
  /** Position of each sequence, the slot it goes to, and offset and slots in use. */
  readonly at: Tensor<string, 'i32'>;
  readonly slots: Tensor<string, 'i32'>;
  readonly cursor: Tensor<string, 'i32'>;
  /** What a step is. */
  readonly work: () => Tensor;
  /** Writes the numbers of the step at a position. */
  readonly place: (position: number) => void;
}

/** Sizes: batch, heads, key heads, width of a head, inner width, results, slots. */
export interface LayerSizes {
  readonly B: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly F: number;
  readonly V: number;
  readonly S: number;
  readonly format?: RowFormat | undefined;
}

/** Norm, attention over a cache, feed-forward and logits: `[B, V]` from `x [B, 1, H · D]`. */
export function layerOn(device: Device, { B, H, Hkv, D, F, V, S, format }: LayerSizes): Layer {
  const E = H * D;
  const weight = (shape: readonly number[], seed: number): Tensor => {
    const made = seeded(device, shape, seed);
    return format && device.store ? packWeights(made, format) : made;
  };
  const [gain, second] = [seeded(device, [E], 1), seeded(device, [E], 2)];
  const [q, k, v, o] = [
    weight([E, E], 3),
    weight([Hkv * D, E], 4),
    weight([Hkv * D, E], 5),
    weight([E, E], 6),
  ];
  const [gate, up, down, head] = [
    weight([F, E], 7),
    weight([F, E], 8),
    weight([E, F], 9),
    weight([V, E], 10),
  ];
  const tables = { cos: seeded(device, [S, D / 2], 11), sin: seeded(device, [S, D / 2], 12) };
  const [keys, values] = [zeros(device, [B, S, Hkv, D]), zeros(device, [B, S, Hkv, D])];
  const x = seeded(device, [B, 1, E], 13);
  const at = tensor(device, Int32Array.of(0), [1, 1]);
  const slots = tensor(device, new Int32Array(B), [B, 1]);
  const cursor = tensor(device, Int32Array.of(0, 1), [2]);
  const work = (): Tensor => {
    const y = rmsNorm(x, gain);
    const split = (rows: Tensor, heads: number): Tensor => rows.reshape([B, 1, heads, D]);
    const turned: Tensor = rotary(split(linear(y, q), H), tables, at);
    storeRows(keys, rotary(split(linear(y, k), Hkv), tables, at), slots);
    storeRows(values, split(linear(y, v), Hkv), slots);
    const seen = attention({ q: turned, k: keys, v: values, cursor }, { causal: true });
    const middle = add(x, linear(seen.reshape([B, 1, E]), o));
    const z = rmsNorm(middle, second);
    const sum = add(middle, linear(swiglu(linear(z, gate), linear(z, up)), down));
    return linear(sum.reshape([B, E]), head);
  };
  const place = (position: number): void => {
    at.write(0, Int32Array.of(position));
    slots.write(0, new Int32Array(B).fill(position));
    cursor.write(0, Int32Array.of(position, position + 1));
    x.write(
      0,
      Float32Array.from({ length: B * E }, (_, n) => Math.sin(n + 0.7 * position)),
    );
  };
  return { x, at, slots, cursor, work, place };
}
