import { configure, multiHead, type Picture, picture } from '@headwise/attention-variants';
import { hostModifier } from '@headwise/tensor';
import { dependsOnHead, type WrittenScore } from 'headwise/templates';
import { HEADS, modifierOf, variantOf } from './written.ts';

/** One modifier drawn: queries down, keys across. */
export interface Drawn {
  readonly of: 'score' | 'mask';
  readonly L: number;
  /**
   * Of each head `[L, L]`; NaN is what a query does not see, by the mask or by causality. Of a mask 1, of a score what a
   * score of 1 becomes.
   */
  readonly heads: readonly Float64Array[];
}

/** What a variant keeps and computes, beside multi-head attention of the same shape. */
export interface Costs {
  /** Numbers that a token adds to the cache of a layer. */
  readonly elementsPerToken: number;
  /** Tokens that a layer keeps at most; Infinity for all. */
  readonly cap: number;
  readonly rows: readonly {
    readonly what: string;
    readonly unit: 'bytes' | 'flops';
    readonly value: number;
    readonly multiHead: number;
  }[];
  /** No query looks further back than this many tokens, itself among them, as far as was tried; absent without a bound. */
  readonly reach?: number | undefined;
}

/** Tokens of a picture. */
export const PICTURE = 16;

/** Shape at which costs are told: that of the table in the README. */
const SHAPE = { E: 512, H: 8, D: 64, layers: 1 } as const;
const CONTEXT = 4096;
const PREFILL = 512;
/** Positions up to which a mask is tried for how far back it looks. */
const TRIED = 256;
/** Bytes of a number at 16 bit. */
const HALF = 2;

/** The score and what a query sees, as far as they are written. Runs them. @throws what they throw. */
export function picturesOf(written: WrittenScore): readonly Drawn[] {
  const { score, mask, constants, causal } = written;
  const size = { Lq: PICTURE, Lk: PICTURE, H: HEADS, score: 1 };
  const modifiers = mask === undefined ? [] : [modifierOf('mask', mask, constants)];
  const flat = (grid: Picture['grid']): Float64Array[] =>
    grid.map((rows) => Float64Array.from(rows.flatMap((row) => [...row])));
  // the same function that says what the executor lets through
  const seen = flat(picture({ causal, modifiers }, size).grid);
  const hidden = (values: Float64Array, h: number): Float64Array =>
    values.map((value, i) => (seen[h]![i] === 0 ? Number.NaN : value));
  const drawn = (of: Drawn['of'], heads: readonly Float64Array[]): Drawn => {
    const alike = heads.every((head) => head.every((value, i) => Object.is(value, heads[0]![i])));
    return { of, L: PICTURE, heads: alike ? [heads[0]!] : heads };
  };
  return [
    ...(score === undefined
      ? []
      : [drawn('score', flat(picture(modifierOf('score', score, constants), size).grid).map(hidden))]),
    ...(mask === undefined ? [] : [drawn('mask', seen.map(hidden))]),
  ];
}

/** @throws what the mask throws. */
export function costsOf(name: string, written: WrittenScore): Costs {
  const own = configure(variantOf(name, written));
  const base = configure(multiHead, { causal: written.causal });
  const elements = (of: typeof own): number =>
    Object.values(of.kv(SHAPE, 0).rows).reduce((sum, size) => sum + size.reduce((a, b) => a * b, 1), 0);
  const held = (of: typeof own): number => HALF * elements(of) * Math.min(CONTEXT, of.kv(SHAPE, 0).cap);
  const flops = (of: typeof own, Lq: number, Lk: number): number =>
    of.cost(SHAPE, { B: 1, Lq, Lk, layer: 0 }).attentionFlops;
  return {
    elementsPerToken: elements(own),
    cap: own.kv(SHAPE, 0).cap,
    rows: [
      {
        what: `KV bytes of a layer after ${CONTEXT} tokens, at 16 bit`,
        unit: 'bytes',
        value: held(own),
        multiHead: held(base),
      },
      {
        what: `flops of attention, one token more at ${CONTEXT}`,
        unit: 'flops',
        value: flops(own, 1, CONTEXT),
        multiHead: flops(base, 1, CONTEXT),
      },
      {
        what: `flops of attention, a prompt of ${PREFILL}`,
        unit: 'flops',
        value: flops(own, PREFILL, PREFILL),
        multiHead: flops(base, PREFILL, PREFILL),
      },
    ],
    reach: reachOf(written),
  };
}

/** Tokens that the furthest look back spans, if it is the same at twice the length. */
function reachOf({ mask, constants, causal }: WrittenScore): number | undefined {
  if (mask === undefined) return undefined;
  const sees = hostModifier(modifierOf('mask', mask, constants));
  const heads = dependsOnHead(mask) ? HEADS : 1;
  const reach = (L: number): number => {
    let furthest = 0;
    for (let h = 0; h < heads; h++)
      for (let q = 0; q < L; q++) {
        if (
          !causal &&
          Array.from({ length: L - q - 1 }, (_, i) => q + 1 + i).some((k) => sees(0, h, q, k) !== 0)
        )
          return Infinity;
        for (let k = 0; k < q - furthest + 1; k++)
          if (sees(0, h, q, k) !== 0) furthest = Math.max(furthest, q - k + 1);
      }
    return furthest;
  };
  const [half, whole] = [reach(TRIED / 2), reach(TRIED)];
  return half === whole && half < TRIED / 2 ? half : undefined;
}
