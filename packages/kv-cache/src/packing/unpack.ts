import {
  binary,
  bindAxes,
  defineOp,
  gather,
  type KernelPlan,
  multiply,
  run,
  slice,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import type { PackLayout } from './layout.ts';
import { groupOf } from './pack.ts';

type Inputs = { codes: Tensor; scales: Tensor; lows: Tensor };

/** Which blocks are unpacked. */
export interface UnpackParams extends PackLayout {
  readonly first: number;
  readonly count: number;
}

/**
 * The rows of packed blocks: `x̂ = low + code · scale`.
 *
 * ```text
 * codes        [B, blocks, elements]
 * scales, lows [B, blocks, groups]
 * → [B, count · tokens, n]      blocks first … first + count − 1
 * ```
 */
export const unpackOp = defineOp<Inputs, UnpackParams>({
  name: 'kv-unpack',
  outputs({ codes, scales, lows }, { count, tokens, n }) {
    const { B } = bindAxes('kv-unpack', {
      codes: [codes, 'B blocks elements'],
      scales: [scales, 'B blocks groups'],
      lows: [lows, 'B blocks groups'],
    });
    return [{ shape: [B, count * tokens, n], dtype: 'f32' }];
  },
  reference({ codes, scales, lows }, params) {
    const [B, blocks] = codes.shape as [number, number, number];
    const { first, count, tokens, n, elements, groups, perElement, levels } = params;
    const size = tokens * n;
    const x = new Float64Array(B * count * size); // [B, count · tokens, n]
    for (let b = 0; b < B; b++) {
      for (let i = 0; i < count; i++) {
        const block = b * blocks + first + i;
        for (let e = 0; e < size; e++) {
          const packed = codes.data[block * elements + Math.floor(e / perElement)]!;
          const code = Math.floor(packed / (levels + 1) ** (e % perElement)) % (levels + 1);
          const g = block * groups + groupOf(params, e);
          x[(b * count + i) * size + e] = lows.data[g]! + code * scales.data[g]!;
        }
      }
    }
    return [x];
  },
  gpujs: plan,
  lower: lowerUnpack,
});

/** The rows `[B, count · tokens, n]` of blocks `first …`. */
export function unpack(blocks: Inputs, params: UnpackParams): Tensor {
  return run(unpackOp, blocks, params)[0] as Tensor;
}

/** Powers of two are multiplied by, which is exact everywhere; a division is not, nor a number above 2^23 plus a half. */
const inverseRadix = { 8: '0.00390625', 4: '0.0625' } as const;

// half is added to small whole numbers before a division; 1.7014117e38 is half of the largest float32
const sources = Object.fromEntries(
  Object.entries(inverseRadix).map(([bits, inverse]) => [
    bits,
    `function (codes, scales, lows, first) {
  const block = Math.floor((this.thread.y + 0.5) / this.constants.tokens);
  const token = this.thread.y - block * this.constants.tokens;
  const channel = this.thread.x;
  const e = token * this.constants.n + channel;
  const at = this.thread.z * this.constants.blocks + first + block;
  const element = Math.floor((e + 0.5) / this.constants.perElement);
  const digit = e - element * this.constants.perElement;
  let packed = codes[at * this.constants.elements + element];
  for (let j = 0; j < this.constants.perElement; j++) {
    if (j < digit) {
      packed = Math.floor(packed * ${inverse});
    }
  }
  const code = packed - Math.floor(packed * ${inverse}) * this.constants.radix;
  const g = at * this.constants.groups + token * this.constants.heads + Math.floor((channel + 0.5) / this.constants.width);
  const half = lows[g] * 0.5 + code * (scales[g] * 0.5);
  return Math.min(half, 170141170000000000000000000000000000000.0) * 2.0;
}`,
  ]),
);

function plan(
  { codes }: { readonly [K in keyof Inputs]: { readonly shape: readonly number[] } },
  params: UnpackParams,
): KernelPlan {
  const [B, blocks] = codes.shape as [number, number, number];
  const { bits, along, tokens, n, width, perElement, elements, groups, levels, first, count } = params;
  const byToken = along === 'token';
  return {
    steps: [
      {
        name: 'x',
        source: sources[bits]!,
        constants: {
          blocks,
          tokens,
          n,
          perElement,
          elements,
          groups,
          radix: levels + 1,
          heads: byToken ? n / width : 0,
          width: byToken ? width : 1,
        },
        args: ['codes', 'scales', 'lows', { integer: first }],
        length: B * count * tokens * n,
        threads: [n, count * tokens, B],
      },
    ],
    outputs: ['x'],
  };
}

/** The same from other operations: digits are a last axis of their own, and groups repeat along theirs. */
function lowerUnpack({ codes, scales, lows }: Inputs, params: UnpackParams): readonly Tensor[] {
  const { device } = codes;
  const [B, blocks] = codes.shape as [number, number];
  const { along, first, count, tokens, n, width, levels, perElement, elements, groups } = params;
  const ids = Int32Array.from(
    { length: B * count },
    (_, i) => Math.floor(i / count) * blocks + first + (i % count),
  );
  const chosen = (of: Tensor, size: number): Tensor =>
    gather(of.reshape([B * blocks, size]), tensor(device, ids, [B * count]));
  const radix = levels + 1;
  // powers of two are divided by exactly
  const inverses = Array.from({ length: perElement }, (_, i) => radix ** -i);
  const packed = chosen(codes, elements).reshape([B * count, elements, 1]);
  const shifted = unary(binary(packed, tensor(device, inverses, [perElement]), 'multiply'), 'floor');
  const above = unary(multiply(shifted, tensor(device, [1 / radix], [])), 'floor');
  const digits = binary(shifted, multiply(above, tensor(device, [radix], [])), 'subtract');
  const used = slice(digits.reshape([B * count, elements * perElement]), 0, tokens * n);
  const [shape, kept] =
    along === 'token'
      ? [
          [B * count, tokens, n / width, width],
          [B * count, tokens, n / width, 1],
        ]
      : [
          [B * count, tokens, n],
          [B * count, 1, n],
        ];
  const of = (values: Tensor): Tensor => chosen(values, groups).reshape(kept as number[]);
  const rows = binary(of(lows), binary(used.reshape(shape as number[]), of(scales), 'multiply'), 'add');
  return [rows.reshape([B, count * tokens, n])];
}
