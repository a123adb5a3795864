import { bindAxes, checkFields, type Device, DeviceError, keep, type Tensor, tensor } from '@headwise/tensor';
import { must, mustBeTensors, mustBeWhole } from '../checks.ts';
import { defineEncoding, type ScoreBias } from '../contract.ts';
import { relativeBias } from '../ops/relative-bias.ts';

/** Options of T5's relative buckets. */
export interface T5Options extends BucketOptions {
  /** `[buckets, H]`, trained; stays its owner's. One table serves all layers of a stack. */
  readonly table: Tensor<'N H'>;
}

/** How distances fall into buckets. */
export interface BucketOptions {
  /** Encoders see both ways, decoders only back. Default false. */
  readonly bidirectional?: boolean | undefined;
  /** From this distance on, all share the last bucket. Default 128. */
  readonly maxDistance?: number | undefined;
}

/** A T5 bias, with its buckets to look at. */
export interface T5Bias extends ScoreBias {
  /** `[Lq, Lk]` the row of the table for each query and key. @throws {RangeError} if Lq or Lk is no size of an array. */
  buckets(Lq: number, Lk: number, offset?: number): Int32Array;
}

/**
 * T5's relative position buckets: distances fall into buckets, near ones of their own, far ones together in
 * logarithmic steps, and each bucket has a trained bias for each head.
 *
 * ```text
 * r = p_key − p_query      n = buckets; bidirectional: the upper half of them is for r > 0, and n halves
 * bucket = |r|                                                       |r| < n/2 (only back: r > 0 counts as 0)
 *          n/2 + ⌊ln(|r| / (n/2)) / ln(maxDistance / (n/2)) · n/2⌋    beyond, at most n − 1
 * score[h, i, j] += table[bucket(p_j − p_i), h]                      table [buckets, H]
 * ```
 *
 * T5 does not scale its scores: give attention `scale: 1`. On a device without this package's operation the bias
 * is put together by `gather`.
 *
 * @throws {ValueError} if there are too few buckets, or `maxDistance` does not lie beyond the exact ones.
 * @see Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
 * section 2.1, {@link https://arxiv.org/abs/1910.10683}; bucket formula: Mesh TensorFlow
 */
export const t5 = /* @__PURE__ */ defineEncoding(
  {
    name: 't5',
    title: 'T5 relative position buckets',
    kind: 'bias',
    summary: 'Adds a trained bias for each head and bucket of distances.',
    paper: {
      title: 'Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer',
      authors: 'Raffel et al.',
      year: 2020,
      arxiv: '1910.10683',
    },
  },
  { table: undefined, bidirectional: false, maxDistance: 128 },
  ({ table, bidirectional = false, maxDistance = 128 }: T5Options): T5Bias => {
    mustBeTensors('t5', { table });
    const { N, H: heads } = bindAxes('t5', { table: [table, 'N H'] });
    const bucketOf = t5BucketFunction(N, { bidirectional, maxDistance });
    const checkHeads = (H: number): void =>
      must(H === heads, 't5', 'H', `must be ${heads}, the heads of the table [${table.shape.join(', ')}]`, H);
    let lookup: Tensor<'S', 'i32'> | undefined;
    const encoding: T5Bias = {
      kind: 'bias',
      name: 't5',
      bias(device, H, Lq, Lk, offset, at = {}) {
        checkHeads(H);
        if (device !== table.device) {
          throw new DeviceError(
            device.name,
            `t5 was given its table on another device, ${table.device.name}`,
            [],
            'Make the table, and the encoding, on this device.',
          );
        }
        lookup ??= lookupOf(device, bucketOf, maxDistance);
        return { bias: relativeBias({ table, lookup, ...at }, { Lq, Lk, offset }) };
      },
      buckets: (Lq, Lk, offset = 0) => Int32Array.from(pairs(Lq, Lk, offset), bucketOf),
      async matrix(H, Lq, Lk, offset = 0) {
        checkHeads(H);
        const values = await table.data();
        const buckets = encoding.buckets(Lq, Lk, offset);
        return Float64Array.from(
          { length: H * Lq * Lk },
          (_, n) => values[buckets[n % (Lq * Lk)]! * H + Math.floor(n / (Lq * Lk))]!,
        );
      },
      dispose() {
        lookup?.dispose();
        lookup = undefined;
      },
      [Symbol.dispose]: () => encoding.dispose(),
    };
    return encoding;
  },
);

/** `[2M + 1]` the row for each distance; all beyond ±M have the row of ±M. */
function lookupOf(device: Device, bucketOf: (r: number) => number, M: number): Tensor<'S', 'i32'> {
  const rows = Int32Array.from({ length: 2 * M + 1 }, (_, s) => bucketOf(s - M));
  return keep(tensor<'S'>(device, rows, [rows.length]));
}

/** `[Lq, Lk]` buckets of queries at `offset + i` and keys at j. @throws {ValueError} as `t5`. */
export function t5Buckets(
  call: { readonly Lq: number; readonly Lk: number; readonly offset?: number },
  buckets: number,
  options: BucketOptions = {},
): Int32Array {
  checkFields('t5Buckets', 'call', call, ['Lq', 'Lk']);
  const { Lq, Lk, offset = 0 } = call;
  return Int32Array.from(pairs(Lq, Lk, offset), t5BucketFunction(buckets, options));
}

/** `p_key − p_query` of every query and key. */
function* pairs(Lq: number, Lk: number, offset: number): Generator<number> {
  for (let i = 0; i < Lq; i++) for (let j = 0; j < Lk; j++) yield j - (offset + i);
}

/** From `p_key − p_query` to the row of the table. */
function t5BucketFunction(
  buckets: number,
  { bidirectional = false, maxDistance = 128 }: BucketOptions,
): (r: number) => number {
  mustBeWhole('t5', 'maxDistance', maxDistance);
  const least = bidirectional ? 4 : 2;
  must(
    Number.isInteger(buckets) && buckets >= least && (!bidirectional || buckets % 2 === 0),
    't5',
    'buckets (rows of the table)',
    `must be ${bidirectional ? 'an even' : 'a whole'} number ≥ ${least}`,
    buckets,
  );
  const n = bidirectional ? buckets / 2 : buckets;
  const exact = Math.floor(n / 2);
  const rule = `must be above ${exact}, up to which each distance has a bucket of its own`;
  must(maxDistance > exact, 't5', 'maxDistance', rule, maxDistance);
  return (r) => {
    const distance = bidirectional ? Math.abs(r) : Math.max(0, -r);
    const side = bidirectional && r > 0 ? n : 0;
    if (distance < exact) return side + distance;
    const steps = (Math.log(distance / exact) / Math.log(maxDistance / exact)) * (n - exact);
    return side + Math.min(n - 1, exact + Math.trunc(steps));
  };
}
