import { bindAxes, type Tensor } from '@headwise/tensor';
import { must, mustBeTensors, mustBeWhole } from '../checks.ts';
import {
  defineEncoding,
  type RelativeAttention,
  type RelativeInputs,
  type RelativeOptions,
} from '../contract.ts';
import { shawAttention } from '../ops/shaw-attention.ts';

/** Options of Shaw's relative positions. */
export interface ShawOptions {
  /** a^K `[2c + 1, D]`, trained; stays its owner's. Row c is distance 0, row c + n a key n places ahead. */
  readonly keys: Tensor<'R D'>;
  /** a^V `[2c + 1, Dv]`, trained. Left out: keys only, which the paper found to be enough. */
  readonly values?: Tensor<'R Dv'> | undefined;
}

/** Shaw's relative positions, with the rows to look at. */
export interface ShawEncoding extends RelativeAttention {
  /** c: farther keys share the rows of this distance. */
  readonly clip: number;
  /** `[Lq, Lk]` the row of the tables for each query and key. @throws {RangeError} if Lq or Lk is no size of an array. */
  rows(Lq: number, Lk: number, offset?: number): Int32Array;
}

/**
 * Shaw's relative keys and values: a trained vector for each distance up to a clip is added to the key a query
 * looks at, and another to the value it takes. It acts inside attention, so it brings its own operation.
 *
 * ```text
 * r(i, j) = clamp(p_j − p_i, −c, c) + c
 * s = scale · q_i · (k_j + a^K[r])        z_i = Σ_j softmax(s)_j · (v_j + a^V[r])
 * q [B, Lq, H, D]  k [B, Lk, Hkv, D]  v [B, Lk, Hkv, Dv] → [B, Lq, H, Dv]      tables serve all heads
 * ```
 *
 * @throws {ShapeError} if the widths differ.
 * @throws {ValueError} if the tables have an even number of rows.
 * @see Shaw, Uszkoreit & Vaswani 2018, "Self-Attention with Relative Position Representations", eq. 3 to 5,
 * {@link https://arxiv.org/abs/1803.02155}
 */
export const shaw = /* @__PURE__ */ defineEncoding(
  {
    name: 'shaw',
    title: 'Relative keys and values (Shaw)',
    kind: 'attention',
    summary: 'Adds a trained vector for each clipped distance to keys and to values, inside attention.',
    paper: {
      title: 'Self-Attention with Relative Position Representations',
      authors: 'Shaw, Uszkoreit & Vaswani',
      year: 2018,
      arxiv: '1803.02155',
    },
  },
  { keys: undefined, values: undefined },
  ({ keys, values }: ShawOptions): ShawEncoding => {
    mustBeTensors('shaw', { keys, ...(values !== undefined && { values }) });
    const { R } = bindAxes('shaw', { keys: [keys, 'R D'], ...(values && { values: [values, 'R Dv'] }) });
    must(
      R % 2 === 1,
      'shaw',
      'keys',
      'must have an odd number of rows, one for each distance −c … c',
      `${R} rows`,
    );
    const clip = (R - 1) / 2;
    const call = (inputs: RelativeInputs, { scale, causal = false, valid }: RelativeOptions) => {
      mustBeTensors('shaw', { q: inputs.q, k: inputs.k, v: inputs.v });
      return shawAttention(
        { ...inputs, relativeKeys: keys, relativeValues: values },
        {
          scale: scale ?? 1 / Math.sqrt(keys.shape[1]!),
          causal: causal !== false,
          offset: typeof causal === 'object' ? causal.offset : 0,
          valid: valid ?? inputs.k.shape[1] ?? 0,
        },
      );
    };
    return {
      kind: 'attention',
      name: 'shaw',
      clip,
      attend(inputs, options = {}) {
        const { out, weights } = call(inputs, options);
        weights.dispose();
        return out;
      },
      attendWithWeights: (inputs, options = {}) => call(inputs, options),
      rows(Lq, Lk, offset = 0) {
        for (const [argument, value] of Object.entries({ Lq, Lk, offset }))
          mustBeWhole('shaw', argument, value, 0);
        return Int32Array.from({ length: Lq * Lk }, (_, n) => {
          const distance = (n % Lk) - (offset + Math.floor(n / Lk));
          return Math.min(clip, Math.max(-clip, distance)) + clip;
        });
      },
    };
  },
);
