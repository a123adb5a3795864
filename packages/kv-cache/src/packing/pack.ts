import {
  binary,
  bindAxes,
  concat,
  type Device,
  defineOp,
  gather,
  type KernelPlan,
  multiply,
  type OutputSpec,
  reduce,
  run,
  type Tensor,
  tensor,
  unary,
  where,
  zeros,
} from '@headwise/tensor';
import type { PackLayout } from './layout.ts';

type Inputs = { x: Tensor };

/** Which rows of x are packed, and how. */
export interface PackParams extends PackLayout {
  /** First slot of the block. */
  readonly start: number;
}

/**
 * Packs a block of rows: each group of numbers becomes whole codes between its minimum and its maximum.
 *
 * ```text
 * x      [B, S, n]          the slots start … start + tokens − 1
 * → low  [B, groups]        min of the group
 *   scale [B, groups]       (max − min) / levels
 *   codes [B, elements]     Σ_i code_i · radix^i of `perElement` codes; code = round((x − low) / scale)
 * ```
 *
 * Element e of a block is channel `e mod n` of token `⌊e / n⌋`. Its group: `token · n / width + ⌊channel / width⌋`
 * along tokens, `channel` along channels. Halves are taken first, so that the range of a group may be that of
 * float32.
 *
 * Liu et al. 2024, "KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache", eq. 1.
 */
export const packOp = defineOp<Inputs, PackParams>({
  name: 'kv-pack',
  outputs({ x }, { elements, groups }) {
    const { B } = bindAxes('kv-pack', { x: [x, 'B S n'] });
    const f32 = (size: number): OutputSpec => ({ shape: [B, size], dtype: 'f32' });
    return [f32(elements), f32(groups), f32(groups)];
  },
  reference({ x }, params) {
    const [B, S] = x.shape as [number, number, number];
    const { tokens, n, elements, groups, levels, perElement, start } = params;
    const codes = new Float64Array(B * elements); // [B, elements]
    const scales = new Float64Array(B * groups); // [B, groups]
    const lows = new Float64Array(B * groups).fill(Infinity); // [B, groups]
    const highs = new Float64Array(B * groups).fill(-Infinity); // [B, groups]
    const value = (b: number, e: number): number => x.data[(b * S + start) * n + e]!;
    for (let b = 0; b < B; b++) {
      for (let e = 0; e < tokens * n; e++) {
        const g = b * groups + groupOf(params, e);
        lows[g] = Math.min(lows[g]!, value(b, e));
        highs[g] = Math.max(highs[g]!, value(b, e));
      }
      for (let g = b * groups; g < (b + 1) * groups; g++) scales[g] = (highs[g]! - lows[g]!) / levels;
      for (let e = 0; e < tokens * n; e++) {
        const g = b * groups + groupOf(params, e);
        const above = value(b, e) - lows[g]!;
        // without a step the group is one number, above it by 0 or, where it is not finite, by NaN
        const code = scales[g]! > 0 ? Math.round(above / scales[g]!) : above;
        const place = (levels + 1) ** (e % perElement);
        codes[b * elements + Math.floor(e / perElement)]! += Math.min(code, levels) * place;
      }
    }
    return [codes, scales, lows];
  },
  gpujs: plan,
  lower: lowerPack,
});

/** Packs the slots `start …` of `x [B, S, n]`. */
export function pack(
  x: Tensor,
  params: PackParams,
): { readonly codes: Tensor; readonly scales: Tensor; readonly lows: Tensor } {
  const [codes, scales, lows] = run(packOp, { x }, params) as [Tensor, Tensor, Tensor];
  return { codes, scales, lows };
}

/** The group of element e of a block. */
export function groupOf({ along, n, width }: PackLayout, e: number): number {
  const channel = e % n;
  return along === 'channel' ? channel : Math.floor(e / n) * (n / width) + Math.floor(channel / width);
}

const lowSource = `function (x, start) {
  const first = (this.thread.z * this.constants.S + start + this.thread.y) * this.constants.n + this.thread.x * this.constants.step;
  let low = x[first];
  for (let j = 0; j < this.constants.count; j++) {
    low = Math.min(low, x[first + j * this.constants.stride]);
  }
  return low;
}`;

const scaleSource = `function (x, start) {
  const first = (this.thread.z * this.constants.S + start + this.thread.y) * this.constants.n + this.thread.x * this.constants.step;
  let low = x[first];
  let high = x[first];
  for (let j = 0; j < this.constants.count; j++) {
    const value = x[first + j * this.constants.stride];
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return (high * 0.5 - low * 0.5) / this.constants.levels * 2.0;
}`;

// half is added to whole numbers before a division, which is not exact on every GPU
const codesSource = `function (x, lows, scales, start) {
  const block = (this.thread.y * this.constants.S + start) * this.constants.n;
  let packed = 0.0;
  let place = 1.0;
  for (let j = 0; j < this.constants.perElement; j++) {
    const e = this.thread.x * this.constants.perElement + j;
    if (e < this.constants.size) {
      const token = Math.floor((e + 0.5) / this.constants.n);
      const channel = e - token * this.constants.n;
      const g = this.thread.y * this.constants.groups + token * this.constants.heads + Math.floor((channel + 0.5) / this.constants.width);
      const half = scales[g] * 0.5;
      if (half > 0.0) {
        const code = Math.floor((x[block + e] * 0.5 - lows[g] * 0.5) / half + 0.5);
        packed = packed + Math.max(0.0, Math.min(this.constants.levels, code)) * place;
      }
    }
    place = place * (this.constants.levels + 1);
  }
  return packed;
}`;

function plan({ x }: { readonly x: { readonly shape: readonly number[] } }, params: PackParams): KernelPlan {
  const [B, S] = x.shape as [number, number, number];
  const { along, tokens, n, width, levels, perElement, elements, groups, start } = params;
  const byToken = along === 'token';
  const group = byToken
    ? { S, n, step: width, stride: 1, count: width, levels }
    : { S, n, step: 1, stride: n, count: tokens, levels };
  const threads = [byToken ? n / width : n, byToken ? tokens : 1, B] as const;
  const reduce = { constants: group, args: ['x', { integer: start }], length: B * groups, threads } as const;
  return {
    steps: [
      { name: 'lows', source: lowSource, ...reduce },
      { name: 'scales', source: scaleSource, ...reduce },
      {
        name: 'codes',
        source: codesSource,
        constants: {
          S,
          n,
          perElement,
          groups,
          levels,
          size: tokens * n,
          heads: byToken ? n / width : 0,
          width: byToken ? width : 1,
        },
        args: ['x', 'lows', 'scales', { integer: start }],
        length: B * elements,
        threads: [elements, B],
      },
    ],
    outputs: ['codes', 'scales', 'lows'],
  };
}

/** The same from other operations: groups are rows or columns of `[B, tokens, …]`, digits a last axis of their own. */
function lowerPack({ x }: Inputs, params: PackParams): readonly Tensor[] {
  const { device } = x;
  const [B, S] = x.shape as [number, number];
  const { along, tokens, n, width, levels, perElement, elements, groups, start } = params;
  const ids = Int32Array.from(
    { length: B * tokens },
    (_, i) => Math.floor(i / tokens) * S + start + (i % tokens),
  );
  const block = gather(x.reshape([B * S, n]), tensor(device, ids, [B, tokens]));
  const [shape, axis, kept] =
    along === 'token'
      ? [[B, tokens, n / width, width], 3, [B, tokens, n / width, 1]]
      : [[B, tokens, n], 1, [B, 1, n]];
  const grouped = block.reshape(shape as number[]);
  const group = (kind: 'min' | 'max'): Tensor =>
    reduce(grouped, kind, [axis as number]).reshape(kept as number[]);
  const half = (of: Tensor): Tensor => multiply(of, number(device, 0.5));
  const [lows, highs] = [group('min'), group('max')];
  const step = binary(binary(half(highs), half(lows), 'subtract'), number(device, levels), 'divide');
  const above = binary(half(grouped), half(lows), 'subtract');
  const rounded = unary(binary(binary(above, step, 'divide'), number(device, 0.5), 'add'), 'floor');
  const positive = binary(number(device, 0), step, 'less');
  // without a step the group is one number, above it by 0 or, where it is not finite, by NaN
  const codes = binary(where(positive, rounded, above), number(device, levels), 'minimum');
  const missing = elements * perElement - tokens * n;
  const flat = codes.reshape([B, tokens * n]);
  const whole = missing > 0 ? concat(flat, zeros(device, [B, missing])) : flat;
  const places = Array.from({ length: perElement }, (_, i) => (levels + 1) ** i);
  const digits = multiply(whole.reshape([B, elements, perElement]), tensor(device, places, [perElement]));
  const scales = multiply(step, number(device, 2));
  return [reduce(digits, 'sum'), scales.reshape([B, groups]), lows.reshape([B, groups])];
}

function number(device: Device, value: number): Tensor {
  return tensor(device, [value], []);
}
