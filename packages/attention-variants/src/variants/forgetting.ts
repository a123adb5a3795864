import { binary, permute, type Tensor, ValueError, where, zeros } from '@headwise/tensor';
import type { AttendResult, ScoreParts } from '../contract.ts';
import { number } from '../ops/numbers.ts';
import { sumsAfter } from '../ops/sums-after.ts';
import type { OwnCall } from '../own-attention.ts';
import { byPieces } from '../query-pieces.ts';
import { softmaxVariant } from '../softmax-variant.ts';
import { usedSlots } from '../visible-slots.ts';
import { logSigmoid, project, softmaxAttention } from '../wiring.ts';

/**
 * Forgetting attention (FoX): softmax attention whose heads forget. Each token has a gate a head, and a key counts less
 * by all gates between it and the query. Needs no position encoding: what is far has passed more gates.
 *
 * ```text
 * f [B, L, H] = σ(forget · x + forget.bias)
 * s[b,h,i,j]  = scale · q · k + Σ_{j < l ≤ i} log f[b,l,h]     → softmax(s) · v
 * state rows: k [Hkv, D], v [Hkv, Dv], forget [H] = log f of the token
 * ```
 *
 * A softmax does not see what a whole row has in common, so the sum may end at any token from the query on: it is a
 * bias a key, which runs wherever a bias does. Kept is the logarithm of each gate and not their running sum: in
 * float32 a sum of 30 000 no longer grows by 0.001. The sums begin anew at the queries (in a prefill at every 128th),
 * so that they are small, and exact, where a weight is not 0, at every length.
 *
 * Time as multi-head attention's, and `O(B · H · Lk)` for the sums of a step; memory one number a head and token more.
 * In the score form the gates are made from `x`, that of the keys; without it nothing is forgotten.
 *
 * @see Lin et al. 2025, "Forgetting Transformer: Softmax Attention with a Forget Gate", eq. 5 to 8,
 * {@link https://arxiv.org/abs/2503.02130}
 */
export const forgetting = softmaxVariant({
  name: 'forgetting',
  title: 'Forgetting attention (FoX)',
  summary:
    'A gate a head weakens all earlier keys as tokens pass: softmax that forgets, and needs no positions.',
  paper: {
    title: 'Forgetting Transformer: Softmax Attention with a Forget Gate',
    authors: 'Lin et al.',
    year: 2025,
    arxiv: '2503.02130',
  },
  defaults: {
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ scale }) => ({ causal: true, scale }),
  parameters: ({ E, H }) => ({ forget: [H, E], 'forget.bias': [H] }),
  own: {
    rows: ({ H }) => ({ forget: [H] }),
    made: (x, weights) => ({ forget: logSigmoid(project(x, weights, 'forget')) }),
    attend,
  },
  checkExtras: (extras) => {
    const other = extras.find((name) => name === 'lse' || name === 'scores');
    if (other === undefined) return;
    const rule = 'is known but for a number a row, which the softmax does not see; ask for weights';
    throw new ValueError('forgetting', 'extras', rule, other);
  },
});

/** Queries whose sums end at one token, and whose bias is made at once. */
const PIECE = 128;

function attend(call: OwnCall, parts: ScoreParts): AttendResult {
  const { q, k, rows, extras = [] } = call;
  const { forget } = rows;
  if (!forget) return softmaxAttention('forgetting', call, parts);
  const Lk = k.shape[1]!;
  if (forget.shape[1] !== Lk) {
    const rule = `must have the ${Lk} tokens of k, which all have a gate: use the layer form to decode`;
    throw new ValueError('forgetting', 'x', rule, `${forget.shape[1]} tokens`);
  }
  if (q.shape[1]! <= PIECE || extras.length > 0) return withGates(call, forget, parts);
  return { out: byPieces(call, PIECE, (piece) => withGates(piece, forget, parts).out) };
}

/** Attention under the bias that the gates make. */
function withGates(call: OwnCall, forget: Tensor, parts: ScoreParts): AttendResult {
  const { q, bias } = call;
  const [B, Lk, H] = forget.shape as [number, number, number];
  const Lq = q.shape[1]!;
  const sums = sumsAfter(counted(call, permute(forget, [0, 2, 1]))).reshape<'B H Lq Lk'>([B, H, 1, Lk]);
  const added = bias || Lq > 1 ? binary<'B H Lq Lk'>(sums, bias ?? zeros(q.device, [Lq, 1]), 'add') : sums;
  return softmaxAttention('forgetting', { ...call, bias: added }, parts);
}

/** Logarithms of gates `[B, H, Lk]`, 0 in slots that nobody stands in: what is left there may be anything. */
function counted(call: OwnCall, gates: Tensor): Tensor {
  const used = usedSlots(call, gates.device, gates.shape[2]!);
  return used ? where(used, gates, number(gates.device, 0)) : gates;
}
