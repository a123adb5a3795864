import {
  createPositions,
  createThrough,
  type Device,
  type LayerState,
  type PositionEncoding,
  scope,
  stateId,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { seededValues, toleranceOf } from '@headwise/tensor/testing';
import { resolveOptions } from '../configure.ts';
import type { AttendCall, AttentionVariant, GivenOptions, LayerShape } from '../contract.ts';
import { plainStates } from './plain-states.ts';

/** A host array with its shape. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What the laws are tried with; every part has a default. */
export interface ProbeSettings<Options extends object> {
  /** Options of the variant, small enough that a window or a chunk ends within 9 tokens. */
  readonly options?: GivenOptions<Options>;
  readonly shape?: LayerShape;
  /** Heads and widths of keys and values of `attend`, where they are not those of the cache rows `k` and `v`. */
  readonly keys?: readonly [heads: number, width: number];
  readonly values?: readonly [heads: number, width: number];
  /** Tokens that the first call of a state must bring at least. Default 1. */
  readonly firstCall?: number;
}

const B = 2;
export const LENGTH = 9;

/** What one call of `attend` is given, on the host. */
export interface AttendInputs {
  readonly q: HostArray;
  readonly k: HostArray;
  readonly v: HostArray;
}

/** Beside the inputs: placement and parts on the host. */
export interface AttendParts extends Pick<AttendCall, 'valid' | 'offset' | 'modifiers'> {
  readonly bias?: HostArray;
  /** `[1, Lk]` */
  readonly keyPositions?: readonly number[];
}

/** Runs one variant on one device from host arrays to host arrays, and frees everything. */
export class Probe<Options extends object> {
  readonly options: Options;
  readonly shape: LayerShape;
  readonly firstCall: number;

  constructor(
    readonly device: Device,
    readonly variant: AttentionVariant<string, Options>,
    readonly settings: ProbeSettings<Options> = {},
  ) {
    this.options = resolveOptions(variant, settings.options);
    this.shape = settings.shape ?? { E: 12, H: 4, D: 4, layers: 2 };
    this.firstCall = settings.firstCall ?? 1;
  }

  /** Tolerance for two ways of computing the same on this device. */
  get tolerance(): { readonly atol: number; readonly rtol: number } {
    return toleranceOf(this.device, 5e-5, 2e-4);
  }

  /** Queries, keys and values of one seed: `[B, Lq, H, D]`, `[B, Lk, Hkv, D]`, `[B, Lk, Hkv, Dv]`. Never throws. */
  inputs({ Lq = LENGTH, Lk = LENGTH, seed = 1 } = {}): AttendInputs {
    const { H, D, Dv = D } = this.shape;
    const { rows } = this.variant.kv(this.shape, this.options, 0);
    const [kHeads, kWidth] = this.settings.keys ?? rows.k ?? [H, D];
    const [vHeads, vWidth] = this.settings.values ?? rows.v ?? [H, Dv];
    return {
      q: random([B, Lq, H, kWidth!], seed),
      k: random([B, Lk, kHeads!, kWidth!], seed + 1),
      v: random([B, Lk, vHeads!, vWidth!], seed + 2),
    };
  }

  /** The output of `attend`, and whether its inputs are as they were. @throws what `attend` throws. */
  async attend(
    { q, k, v }: AttendInputs,
    { bias, keyPositions, ...parts }: AttendParts = {},
    options: object = {},
  ): Promise<HostArray & { readonly untouched: boolean }> {
    const made: Tensor[] = [];
    const upload = ({ data, shape }: HostArray): Tensor => {
      const uploaded = tensor(this.device, data, shape);
      made.push(uploaded);
      return uploaded;
    };
    const x = tensor<'B L E'>(this.device, random([B, q.shape[1]!, this.shape.E], 700).data, [
      B,
      q.shape[1]!,
      this.shape.E,
    ]);
    made.push(x);
    const { q: learnedQ, k: learnedK, v: learnedV, o: learnedO, ...weights } = this.weights(0, made);
    const call = {
      q: upload(q),
      k: upload(k),
      v: upload(v),
      x,
      weights,
      ...parts,
      ...(bias && { bias: upload(bias) }),
      ...(keyPositions && {
        keyPositions: tensor<'B Lk'>(this.device, Int32Array.from(keyPositions), [1, keyPositions.length]),
      }),
    };
    try {
      const { out } = this.variant.attend(call, { ...this.options, ...options });
      const data = (await out.data()) as Float32Array;
      out.dispose();
      const untouched =
        same((await call.q.data()) as Float32Array, q.data) &&
        same((await call.k.data()) as Float32Array, k.data) &&
        same((await call.v.data()) as Float32Array, v.data);
      return { shape: out.shape, data, untouched };
    } finally {
      for (const held of [...made, learnedQ, learnedK, learnedV, learnedO, call.keyPositions])
        held?.dispose();
    }
  }

  /** Seeded weights of a layer; the same on every device. @throws {DeviceError} if there is no room for them. */
  weights(layer: number, made: Tensor[] = []): Record<string, Tensor> {
    const shapes = this.variant.parameters(this.shape, this.options, layer);
    return Object.fromEntries(
      Object.entries(shapes).map(([name, size], i) => {
        const scale = size.length > 1 ? 1.5 / Math.sqrt(size.at(-1)!) : 0.5;
        const { data } = random(size, 1000 + 100 * layer + i);
        const weight = tensor(
          this.device,
          data.map((value) => value * scale),
          size,
        );
        made.push(weight);
        return [name, weight];
      }),
    );
  }

  /** Hidden rows that a layer is given, `[B, LENGTH, E]`. Never throws. */
  hidden(layer: number): HostArray {
    return random([B, LENGTH, this.shape.E], 500 + layer);
  }

  /**
   * All layers over one sequence, each with hidden rows of its own, in calls of these lengths.
   *
   * @param change alters the hidden rows of a layer before they are used
   * @returns `[layers, B, LENGTH, E]`
   * @throws what `layer` throws.
   */
  async layers(
    lengths: readonly number[],
    {
      change,
      position,
    }: { change?: (x: Float32Array, layer: number) => void; position?: PositionEncoding } = {},
  ): Promise<Float32Array> {
    const { E, layers, Es = E } = this.shape;
    const made: Tensor[] = [];
    const states = this.states();
    const source = tensor<'B Ls Es'>(this.device, random([B, 5, Es], 900).data, [B, 5, Es]);
    made.push(source);
    const y = new Float32Array(layers * B * LENGTH * E);
    try {
      const weights = states.map((_, layer) => this.weights(layer, made));
      const xs = states.map((_, layer) => {
        const { data } = this.hidden(layer);
        change?.(data, layer);
        return data;
      });
      let start = 0;
      for (const L of lengths) {
        for (let layer = 0; layer < layers; layer++) {
          const rows = pieceOf(xs[layer]!, start, L, E);
          const result = scope(() =>
            this.variant.layer({
              x: tensor(this.device, rows, [B, L, E]),
              weights: weights[layer]!,
              state: states[layer]!,
              positions: createPositions(this.device, { start, L }),
              position,
              shape: this.shape,
              options: this.options,
              layer,
              source,
            }),
          );
          const data = (await result.y.data()) as Float32Array;
          if (String(result.y.shape) !== String([B, L, E]))
            throw new Error(`y is [${result.y.shape.join(', ')}], not [${B}, ${L}, ${E}]`);
          result.y.dispose();
          for (let b = 0; b < B; b++)
            y.set(data.subarray(b * L * E, (b + 1) * L * E), ((layer * B + b) * LENGTH + start) * E);
        }
        start += L;
      }
    } finally {
      for (const held of [...states, ...made]) held.dispose();
    }
    return y;
  }

  /**
   * All layers over sequences of different lengths in one batch: what stands at −1 is nobody.
   *
   * @param calls for each call and each sequence, which of its tokens come, −1 for nobody
   * @param through states that keep nothing, which take one call
   * @returns for each sequence `[layers, tokens, E]`
   * @throws what `layer` throws.
   */
  async ragged(
    calls: readonly (readonly (readonly number[])[])[],
    { rows = [0, 1], through = false }: { rows?: readonly number[]; through?: boolean } = {},
  ): Promise<readonly Float32Array[]> {
    const { E, layers, Es = E } = this.shape;
    const made: { dispose(): void }[] = [];
    const states = through ? this.through(rows.length) : this.states(rows.length);
    const counts = rows.map((_, b) => calls.flatMap((call) => call[b]!).filter((i) => i >= 0).length);
    const y = counts.map((count) => new Float32Array(layers * count * E));
    const sources = random([B, 5, Es], 900).data;
    const own = Float32Array.from(rows.flatMap((b) => [...sources.subarray(b * 5 * Es, (b + 1) * 5 * Es)]));
    const source = tensor<'B Ls Es'>(this.device, own, [rows.length, 5, Es]);
    made.push(source, ...states);
    try {
      const weights = states.map((_, layer) => this.weights(layer, made as Tensor[]));
      for (const call of calls) {
        const L = call[0]!.length;
        for (let layer = 0; layer < layers; layer++) {
          const { data } = this.hidden(layer);
          // what nobody says is as wild as can be
          const x = new Float32Array(rows.length * L * E).fill(1e3);
          call.forEach((tokens, b) => {
            tokens.forEach((token, i) => {
              const from = (rows[b]! * LENGTH + token) * E;
              if (token >= 0) x.set(data.subarray(from, from + E), (b * L + i) * E);
            });
          });
          const result = scope(() =>
            this.variant.layer({
              x: tensor(this.device, x, [rows.length, L, E]),
              weights: weights[layer]!,
              state: states[layer]!,
              positions: createPositions(this.device, call),
              shape: this.shape,
              options: this.options,
              layer,
              source,
            }),
          );
          const out = (await result.y.data()) as Float32Array;
          result.y.dispose();
          call.forEach((tokens, b) => {
            tokens.forEach((token, i) => {
              if (token < 0) return;
              const row = out.subarray((b * L + i) * E, (b * L + i + 1) * E);
              y[b]!.set(row, (layer * counts[b]! + token) * E);
            });
          });
        }
      }
    } finally {
      for (const held of made) held.dispose();
    }
    return y;
  }

  /** States of every layer that keep nothing. @throws {ValueError} if a layer shares one that is not there. */
  through(sequences = B): readonly LayerState[] {
    const states: LayerState[] = [];
    for (let layer = 0; layer < this.shape.layers; layer++) {
      const spec = this.variant.kv(this.shape, this.options, layer);
      const producer = states.find(({ id }) => id === spec.producer);
      states.push(createThrough({ device: this.device, spec, B: sequences, id: stateId(layer), producer }));
    }
    return states;
  }

  /** Fresh states of every layer. @throws as `plainStates` does. */
  states(sequences = B): readonly LayerState[] {
    const specs = Array.from({ length: this.shape.layers }, (_, layer) =>
      this.variant.kv(this.shape, this.options, layer),
    );
    return plainStates(this.device, sequences, specs);
  }
}

/** Seeded values in [−1, 1). */
export function random(shape: readonly number[], seed: number): HostArray {
  return {
    shape,
    data: seededValues(
      shape.reduce((size, axis) => size * axis, 1),
      seed,
    ),
  };
}

/** Bit for bit, NaN equal to NaN. */
export function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++)
    if (a[i] !== b[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return false;
  return true;
}

function pieceOf(x: Float32Array, start: number, L: number, E: number): Float32Array {
  const piece = new Float32Array(B * L * E);
  for (let b = 0; b < B; b++)
    piece.set(x.subarray((b * LENGTH + start) * E, (b * LENGTH + start + L) * E), b * L * E);
  return piece;
}
