import {
  attentionWith,
  createReference,
  type LayerSpec,
  scope,
  sizeOf,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import type { Recalled } from './subject.ts';

/** Query heads to a key head. */
const GROUP = 2;

/** The numbers of a token in the rows of a name: in [−1, 1), the same wherever the token stands. */
export function tokenRow(name: string, row: readonly number[], token: number): Float32Array {
  const salt = [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7);
  return seededValues(sizeOf(row), (salt * 7919 + token * 104729) % 2 ** 31);
}

/** Host numbers `[B, n, ...row]` of tokens, one list a sequence. */
export function tokenRows(
  name: string,
  row: readonly number[],
  tokens: readonly (readonly number[])[],
): Float32Array {
  const width = sizeOf(row);
  const n = tokens[0]?.length ?? 0;
  const all = new Float32Array(tokens.length * n * width);
  tokens.forEach((list, b) => {
    list.forEach((token, i) => {
      all.set(tokenRow(name, row, token), (b * n + i) * width);
    });
  });
  return all;
}

/** How attention reads the rows of a layer: the first name as keys, the last as values, as heads. */
export function headsOf({ rows }: LayerSpec): { k: string; v: string; Hkv: number; D: number; Dv: number } {
  const names = Object.keys(rows);
  const k = names[0]!;
  const v = names.at(-1)!;
  const [Hkv, D] = rows[k]!.length === 2 ? (rows[k] as [number, number]) : [1, rows[k]![0]!];
  return { k, v, Hkv, D, Dv: rows[v]!.at(-1)! };
}

/** Queries of tokens `[B, L, H, D]`. */
export function queryRows(spec: LayerSpec, tokens: readonly (readonly number[])[]): Float32Array {
  const { Hkv, D } = headsOf(spec);
  return tokenRows('query', [Hkv * GROUP, D], tokens);
}

/** The parts of the score that both sides use: every position matters (slopes), the layer's window holds. */
export function scoreParts(spec: LayerSpec) {
  const { Hkv } = headsOf(spec);
  const H = Hkv * GROUP;
  const { sinks = 0 } = spec;
  return {
    H,
    slopes: Float32Array.from({ length: H }, (_, h) => 0.3 / (h + 1)),
    options: {
      causal: true,
      ...(spec.kind === 'window' && { window: [spec.cap - sinks - 1, 0] as const, sinkTokens: sinks }),
    },
  };
}

/** What attention is to give, and how far a lossy cache may be off. */
export interface Wanted {
  /** `[B, L, H, Dv]` */
  readonly out: Float32Array;
  /** The most each number may be off when each number of a row is off by `bound`. */
  readonly allowed: Float64Array;
}

/**
 * Attention over the recalled tokens, from scratch, in float64.
 *
 * @param tokens by sequence, all of them
 * @param queries by sequence, the tokens that ask
 * @param bound the most each number of a row may be off
 * @param causal whether a query sees no later position
 */
export async function recompute(
  spec: LayerSpec,
  tokens: readonly (readonly number[])[],
  queries: readonly (readonly number[])[],
  recalled: readonly Recalled[],
  { bound, causal }: { readonly bound: number; readonly causal: boolean },
): Promise<Wanted> {
  const device = createReference();
  const { k, v, Hkv, D, Dv } = headsOf(spec);
  const { H, slopes, options } = scoreParts(spec);
  const B = tokens.length;
  const L = queries[0]!.length;
  const Lk = Math.max(1, ...recalled.map(({ keys }) => keys.length));
  const index = (of: (key: Recalled['keys'][number]) => number, none: number): Tensor<'B Lk', 'i32'> => {
    const numbers = recalled.flatMap(({ keys }) =>
      Array.from({ length: Lk }, (_, j) => (keys[j] ? of(keys[j]) : none)),
    );
    return tensor<'B Lk'>(device, Int32Array.from(numbers), [B, Lk]);
  };
  const kept = tokens.map((list, b) =>
    Array.from({ length: Lk }, (_, j) => list[recalled[b]!.keys[j]?.token ?? 0] ?? 0),
  );
  const q = queryRows(spec, queries);
  const values = tokenRows(v, spec.rows[v]!, kept);
  const { out, weights } = scope(() =>
    attentionWith(
      {
        q: tensor<'B Lq H D'>(device, q, [B, L, H, D]),
        k: tensor<'B Lk Hkv D'>(device, tokenRows(k, spec.rows[k]!, kept), [B, Lk, Hkv, D]),
        v: tensor<'B Lk Hkv Dv'>(device, values, [B, Lk, Hkv, Dv]),
        slopes: tensor<'H'>(device, slopes, [H]),
        keyPositions: index(({ position }) => position, -1),
        keyUntil: index(({ until }) => until ?? 2 ** 24, -1),
        queryPositions: tensor<'B Lq'>(device, Int32Array.from(recalled.flatMap((r) => [...r.queries])), [
          B,
          L,
        ]),
      },
      { ...options, causal },
      ['weights'],
    ),
  );
  const allowed = allowance({ B, L, Lk, H, Hkv, D, Dv, bound }, q, await weights.data(), values);
  return { out: await out.data(), allowed };
}

interface Sizes {
  readonly B: number;
  readonly L: number;
  readonly Lk: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  readonly Dv: number;
  readonly bound: number;
}

/**
 * How far an output may be off when each number of keys and values is off by at most `bound`. A score moves by
 * at most `δ = bound · Σ|q| / √D`, so a weight by a factor of at most `e^2δ`:
 *
 * ```text
 * |Δy| ≤ (e^2δ − 1) · Σ_j w_j |v_j| + e^2δ · bound
 * ```
 */
function allowance(
  { B, L, Lk, H, Hkv, D, Dv, bound }: Sizes,
  q: Float32Array,
  weights: Float32Array,
  values: Float32Array,
): Float64Array {
  const allowed = new Float64Array(B * L * H * Dv);
  if (bound === 0) return allowed;
  for (let n = 0; n < B * L * H; n++) {
    const h = n % H;
    const i = Math.floor(n / H) % L;
    const b = Math.floor(n / (H * L));
    const size = q.subarray(n * D, (n + 1) * D).reduce((sum, x) => sum + Math.abs(x), 0);
    const growth = Math.exp((2 * bound * size) / Math.sqrt(D));
    for (let d = 0; d < Dv; d++) {
      let mean = 0;
      for (let j = 0; j < Lk; j++) {
        const weight = weights[((b * H + h) * L + i) * Lk + j]!;
        mean += weight * Math.abs(values[((b * Lk + j) * Hkv + Math.floor((h * Hkv) / H)) * Dv + d]!);
      }
      allowed[n * Dv + d] = (growth - 1) * mean + growth * bound;
    }
  }
  return allowed;
}
