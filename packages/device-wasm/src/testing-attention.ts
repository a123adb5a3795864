import type { AttentionParams } from '@headwise/tensor';
import { type HostTensor, ints, pick, random, randomInt } from './testing.ts';
import { masks, scores } from './testing-modifiers.ts';

/** One call of attention on host numbers. */
export interface AttentionCase {
  readonly inputs: Record<string, HostTensor | undefined>;
  readonly params: AttentionParams;
}

/** Sizes of one call. */
export interface AttentionSizes {
  readonly B: number;
  readonly Lq: number;
  readonly Lk: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly Dv: number;
  readonly causal: boolean;
  readonly offset: number;
}

const extras = ['lse', 'weights', 'raw', 'capped', 'scores'] as const;
const lengths = [1, 2, 3, 5, 6, 7, 47, 48, 49, 63, 64, 65, 100, 130] as const;

/** Whether something of one call happens; each `n` is its own coin. */
function coin(seed: number): (n: number, of: number) => boolean {
  return (n, of) => randomInt(seed * 31 + n, 0, of - 1) === 0;
}

/** Small odd sizes, around the edges of every tile. */
export function smallSizes(seed: number): AttentionSizes {
  const chance = coin(seed);
  const [B, Hkv] = [pick(seed, [1, 2]), pick(seed + 1, [1, 2, 3])];
  const H = Hkv * pick(seed + 2, [1, 2, 4, 5, 7]);
  const [D, Dv] = [pick(seed + 3, [4, 16, 20, 64, 80, 7]), pick(seed + 4, [4, 12, 16, 64, 5])];
  const Lq = pick(seed + 5, lengths);
  const offset = chance(1, 2) ? randomInt(seed, 0, 90) : 0;
  const causal = !chance(2, 4);
  const Lk = Math.max(1, causal ? offset + Lq + randomInt(seed, -3, 9) : pick(seed + 6, lengths));
  return { B, Lq, Lk, H, Hkv, D, Dv, causal, offset };
}

/** The sizes that models have, and lengths that no tile divides. */
export function modelSizes(seed: number): AttentionSizes {
  const chance = coin(seed);
  const Lq = pick(seed + 5, [1, 1, 2, 4, 63, 63, 1000]);
  const long = chance(40, 2);
  const Lk = Lq === 1000 ? 1000 : pick(seed + 6, long ? [63, 1000] : [Lq, 63, 257]);
  const heads: readonly (readonly [number, number])[] =
    Lq === 1000
      ? [
          [8, 1],
          [6, 2],
          [4, 4],
        ]
      : [
          [12, 4],
          [14, 2],
          [8, 1],
          [8, 8],
        ];
  const [H, Hkv] = pick(seed + 2, heads);
  const D = pick(seed + 3, [16, 80, 96, 128, 64, 33, 50]);
  const Dv = chance(41, 2) ? D : pick(seed + 4, [16, 80, 96, 128, 72, 31]);
  const causal = !chance(2, 4);
  const offset = causal ? Math.max(0, Lk - Lq - randomInt(seed, 0, 5)) : 0;
  return { B: Lq === 1000 ? 1 : pick(seed, [1, 2]), Lq, Lk, H, Hkv, D, Dv, causal, offset };
}

/** A random call of attention with any mixture of the declared parts. */
export function randomCase(seed: number, sizes: AttentionSizes = smallSizes(seed)): AttentionCase {
  const chance = coin(seed);
  const { B, Lq, Lk, H, Hkv, D, Dv, causal, offset } = sizes;
  const Dw = Dv + (chance(3, 3) ? 3 : 0);
  const windowed = chance(4, 3);
  const params: AttentionParams = {
    scale: 1 / Math.sqrt(D),
    causal,
    prefix: causal && chance(42, 3) ? randomInt(seed, 0, Lk + 2) : 0,
    segment: chance(43, 3) ? randomInt(seed + 1, 1, Lk + 2) : 0,
    anchors: chance(44, 2),
    offset,
    before: windowed ? randomInt(seed, 0, 40) : Infinity,
    after: windowed && chance(7, 2) ? randomInt(seed, 0, 20) : Infinity,
    sinkTokens: chance(8, 3) ? randomInt(seed, 0, 5) : 0,
    softcap: chance(9, 3) ? 5 : 0,
    valid: chance(10, 3) ? randomInt(seed, 0, Lk) : Lk,
    Dv,
    modifiers: chance(46, 3)
      ? [pick(seed + 14, scores), pick(seed + 15, masks)].filter((_, n) => chance(47 + n, 2))
      : [],
    // the matrices are large where there are many queries
    extras: extras.filter((name, n) => chance(20 + n, 3) && (Lq < 500 || name === 'lse')),
  };
  const axis = (n: number, size: number): number => (chance(n, 2) ? 1 : size);
  const moving = chance(44, 4);
  const table = random([axis(11, B), axis(12, H), Lq, Lk], seed + 11, 3);
  return {
    inputs: {
      q: random([B, Lq, H, D], seed + 7, 2),
      k: random([B, Lk, Hkv, D], seed + 8, 2),
      v: random([B, Lk, Hkv, Dw], seed + 9),
      bias: chance(13, 4)
        ? { ...table, data: table.data.map((x) => (x > 2.5 ? -Infinity : x)) as Float32Array }
        : undefined,
      slopes: chance(14, 4) ? random([H], seed + 12) : undefined,
      sinks: chance(15, 3) ? random([H], seed + 13) : undefined,
      ...(chance(5, 4) && placed(axis(6, B), sizes)),
      cursor: moving ? ints([2], [offset, params.valid]) : undefined,
      keyUntil: chance(16, 5) ? index(axis(6, B), Lk, (n) => (n * 7) % (Lk + 20)) : undefined,
    },
    params: moving ? { ...params, offset: 0, valid: Lk } : params,
  };
}

/** Positions out of order, some of them empty slots. */
function placed(rows: number, { Lq, Lk, offset }: AttentionSizes): Record<string, HostTensor> {
  return {
    queryPositions: index(rows, Lq, (n) => offset + ((n * 3) % (Lq + 4))),
    keyPositions: index(rows, Lk, (n) => ((n * 5) % (Lk + 3)) - 1),
  };
}

function index(rows: number, length: number, value: (n: number) => number): HostTensor {
  return ints(
    [rows, length],
    Array.from({ length: rows * length }, (_, n) => value(n)),
  );
}
