import {
  add,
  binary,
  bindAxes,
  matmul,
  permute,
  type Tensor,
  unary,
  ValueError,
  where,
  zeros,
} from '@headwise/tensor';
import { checkGroups } from '../checks.ts';
import type { AttendResult, ScoreParts } from '../contract.ts';
import { LEAST, number } from '../ops/numbers.ts';
import { sumsAfter } from '../ops/sums-after.ts';
import type { OwnCall } from '../own-attention.ts';
import { byPieces } from '../query-pieces.ts';
import { softmaxVariant } from '../softmax-variant.ts';
import { placesOf, visibleSlots } from '../visible-slots.ts';
import { logSigmoid, softmaxAttention } from '../wiring.ts';

/**
 * Stick-breaking attention: no softmax. From the newest key back, each key takes a share of what the keys after it
 * have left of a stick, so that near comes before far and no position encoding is needed.
 *
 * ```text
 * z[b,h,i,j] = scale · q · k                                        of the keys that query i sees
 * A[b,h,i,j] = σ(z[i,j]) · Π_{j < l ≤ i} (1 − σ(z[i,l]))            l < i, and j < i, without `current`
 * y          = Σ_j A[i,j] · v[j]                                    Σ_j A ≤ 1: what is left of the stick adds nothing
 * ```
 *
 * Computed as logarithms, whose sums begin at the query; the weights of all pairs of a piece of queries are
 * materialised. With rows of A as a bias, the softmax of everyone's attention gives A / ΣA, and its log-sum-exp ΣA: what
 * is hidden changes nothing there. Time as multi-head attention's and `O(B · H · Lq · Lk)` for the sums.
 *
 * @see Tan et al. 2024, "Scaling Stick-Breaking Attention: An Efficient Implementation and In-depth Study", eq. 1 to 4,
 * {@link https://arxiv.org/abs/2410.17980}
 */
export const stickBreaking = softmaxVariant({
  name: 'stick-breaking',
  title: 'Stick-breaking attention',
  summary:
    'Each key takes a share of what newer keys have left: no softmax, and the order without positions.',
  paper: {
    title: 'Scaling Stick-Breaking Attention: An Efficient Implementation and In-depth Study',
    authors: 'Tan et al.',
    year: 2024,
    arxiv: '2410.17980',
  },
  defaults: {
    /** A query sees its own key. The formula of the paper is without, and its first token reads nothing. */
    current: true,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ scale }) => ({ causal: true, scale }),
  own: { attend },
  checkExtras: (extras) => {
    const other = extras.find((name) => name !== 'weights');
    if (other !== undefined)
      throw new ValueError('stick-breaking', 'extras', 'belongs to a softmax; ask for weights', other);
  },
});

/** Most numbers of the scores that are held at once. */
const LARGEST = 2 ** 22;

function attend(
  call: OwnCall,
  { scale }: ScoreParts,
  { current }: { readonly current: boolean },
): AttendResult {
  const { q, k, modifiers = [], extras = [] } = call;
  if (modifiers.length > 0)
    throw new ValueError('stick-breaking', 'modifiers', 'act on the scores of a softmax: use a bias', 'one');
  const { B, Lq, H, D, Hkv } = bindAxes('stick-breaking', {
    q: [q, 'B Lq H D'],
    k: [k, 'B Lk Hkv D'],
    v: [call.v, 'B Lk Hkv Dv'],
  });
  checkGroups('stick-breaking', H, Hkv);
  const given = { ...call, offset: call.offset ?? Math.max(0, (call.valid ?? k.shape[1]!) - Lq) };
  const broken = (piece: OwnCall): AttendResult => breakSticks(piece, scale ?? 1 / Math.sqrt(D), current);
  if (extras.length > 0) return broken(given);
  const few = Math.max(1, Math.floor(LARGEST / Math.max(1, B * H * k.shape[1]!)));
  return { out: byPieces(given, few, (piece) => broken(piece).out) };
}

function breakSticks(call: OwnCall, scale: number, current: boolean): AttendResult {
  const { q, v, extras = [] } = call;
  const { device } = q;
  const [B, Lq, H] = q.shape as [number, number, number];
  const [, Lk, Hkv] = v.shape as [number, number, number];
  const seen = seenBy(call, current);
  const zero = number(device, 0);
  // what is hidden may be NaN or infinite, and its gradient too
  const z = where(seen, scores(call, scale), zero);
  const share = logSigmoid(z);
  // log σ(−z) is log σ(z) − z
  const left = where(seen, binary(share, z, 'subtract'), zero);
  const logs = add(share, sumsAfter(left));
  const bias = where<'B H Lq Lk'>(seen, logs, number(device, -Infinity));
  const { out, lse, weights } = softmaxAttention(
    'stick-breaking',
    {
      q: zeros<'B Lq H D'>(device, [B, Lq, H, 1]),
      k: zeros<'B Lk Hkv D'>(device, [B, Lk, Hkv, 1]),
      v,
      bias,
      extras: [...extras, 'lse'],
    },
    { causal: false, scale: 1 },
  );
  const taken = unary(lse!, 'exp');
  return {
    out: binary<'B Lq H Dv'>(out, permute(taken, [0, 2, 1]).reshape([B, Lq, H, 1]), 'multiply'),
    ...(weights && { weights: binary(weights, taken.reshape([B, H, Lq, 1]), 'multiply') }),
  };
}

/** Dot products with bias and slopes, `[B, H, Lq, Lk]`. */
function scores(call: OwnCall, scale: number): Tensor {
  const { q, k, bias, slopes } = call;
  const { device } = q;
  const [B, Lq, H, D] = q.shape as [number, number, number, number];
  const [, Lk, Hkv] = k.shape as [number, number, number];
  // the query heads of a group stand together
  const queries = permute(q, [0, 2, 1, 3]).reshape([B * Hkv, (H / Hkv) * Lq, D]);
  const keys = permute(k, [0, 2, 3, 1]).reshape([B * Hkv, D, Lk]);
  const products = matmul(queries, keys).reshape([B, H, Lq, Lk]);
  let z = binary(products, number(device, scale), 'multiply');
  if (slopes) {
    const places = placesOf(call, device, Lq, Lk);
    const rows = places.queries.reshape([places.queries.shape[0]!, Lq, 1]);
    const away = unary(binary(rows, places.keys, 'subtract'), 'abs');
    const b = away.shape[0]!;
    z = binary(z, binary(slopes.reshape([H, 1, 1]), away.reshape([b, 1, Lq, Lk]), 'multiply'), 'subtract');
  }
  return bias ? binary(z, bias, 'add') : z;
}

/** 1 or 0, `[B | 1, 1 | H, Lq, Lk]`. */
function seenBy(call: OwnCall, current: boolean): Tensor {
  const { device } = call.q;
  const [Lq, Lk] = [call.q.shape[1]!, call.k.shape[1]!];
  let seen = visibleSlots(call, device, Lq, Lk)(0, Lq);
  if (!current) {
    const { queries, keys } = placesOf(call, device, Lq, Lk);
    const rows = queries.reshape([queries.shape[0]!, Lq, 1]);
    seen = binary(seen, binary(keys, rows, 'less'), 'multiply');
  }
  const pairs = seen.reshape([seen.shape[0]!, 1, Lq, Lk]);
  const { bias } = call;
  return bias ? binary(pairs, binary(number(device, LEAST), bias, 'less'), 'multiply') : pairs;
}
