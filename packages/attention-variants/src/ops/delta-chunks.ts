import {
  add,
  binary,
  type Device,
  matmul,
  multiply,
  permute,
  slice,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import type { LinearAttentionInputs } from './linear-attention-form.ts';
import { type HeadsFirst, headwise, joined, rows } from './linear-attention-pieces.ts';
import { number } from './numbers.ts';

/** Tokens whose corrections are found at once: the work within a chunk grows with its square, the calls shrink with it. */
const CHUNK = 32;

/** Where exp is 0 in float32: sums of such logarithms stay finite, and −∞ times 0 is no number. */
const FORGOTTEN = -104;

/**
 * The delta rules in chunks, with a decay a head, a decay a channel, or none. What is written for the tokens of a chunk,
 * U, solves a triangular system, because each correction knows those before it:
 *
 * ```text
 * F_ij = exp(Σ decay of tokens j + 1 … i), f_i = exp(Σ decay of tokens to i)       what is kept between two tokens
 * (I + A) U = β ∘ (V − f ∘ K S),   A_ij = β_i F_ij (k_i · k_j) for j < i
 * O = f ∘ Q S + (F ∘ Q Kᵀ) U over j ≤ i;   S ← f_C S + (F_C ∘ K)ᵀ U
 * ```
 *
 * Yang et al. 2024, "Parallelizing Linear Transformers with the Delta Rule over Sequence Length", section 3.2; with the
 * decay, Yang et al. 2024, "Gated Delta Networks", section 3.3.
 */
export function deltaInChunks(
  heads: HeadsFirst,
  { decay, beta }: LinearAttentionInputs,
): { y: Tensor; S: Tensor } {
  const { device, L, G, q, k, v, S } = heads;
  const [N, , D] = k.shape as [number, number, number];
  const W = v.shape[2]!;
  const kept = decay && binary(headwise(heads, decay), number(device, FORGOTTEN), 'maximum');
  const written = headwise(heads, beta!.reshape([...beta!.shape, 1]));
  const sizes = [Math.min(CHUNK, L), L % CHUNK].filter((size) => size > 0);
  const tables = new Map(sizes.map((C) => [C, tablesOf(device, C, kept?.shape[2])]));
  return joined(0, Math.ceil(L / CHUNK), S, (chunk, before) => {
    const start = chunk * CHUNK;
    const C = Math.min(CHUNK, L - start);
    const table = tables.get(C)!;
    const [qs, ks, vs, b] = [q, k, v, written].map((x) => rows(x, start, C)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const { overlaps, scores, since, until, all } = kept
      ? (kept.shape[2] === 1 ? fadingHeads : fadingChannels)(qs, ks, rows(kept, start, C), table)
      : keeping(qs, ks, table);
    const overlap = multiply(binary(overlaps, b, 'multiply'), table.below);
    const known = matmul(since ? binary(ks, since, 'multiply') : ks, before);
    const U = matmul(inverse(overlap, table), binary(binary(vs, known, 'subtract'), b, 'multiply')); // [N, C, W]
    const each = qs.reshape([N, G, C, D]);
    const reading = since ? binary(each, since.reshape([N, 1, C, since.shape[2]!]), 'multiply') : each;
    const seen = add(
      matmul(reading.reshape([N, G * C, D]), before),
      matmul(scores.reshape([N, G * C, C]), U),
    );
    const columns = permute(until ? binary(ks, until, 'multiply') : ks, [0, 2, 1]); // [N, D, C]
    const stays = all ? binary(before, all, 'multiply') : before;
    return { y: seen.reshape([N * G, C * W]), S: add(stays, matmul(columns, U)) };
  });
}

/** What tokens of a chunk have to do with each other and with the state before it; without a decay nothing fades. */
interface Chunk {
  /** `F_ij (k_i · k_j)`; only what is below the diagonal counts: `[N, C, C]` */
  readonly overlaps: Tensor;
  /** `F_ij (q_i · k_j)`, 0 above the diagonal: `[N, G, C, C]` */
  readonly scores: Tensor;
  /** From before the chunk to token i: `[N, C, 1 | D]` */
  readonly since?: Tensor;
  /** From token j to the end of the chunk: `[N, C, 1 | D]` */
  readonly until?: Tensor;
  /** From before the chunk to its end: `[N, 1 | D, 1]` */
  readonly all?: Tensor;
}

/** @param q `[N · G, C, D]` @param k `[N, C, D]` */
function keeping(q: Tensor, k: Tensor, { lower }: Tables): Chunk {
  const [N, C, D] = k.shape as [number, number, number];
  const G = q.shape[0]! / N;
  const columns = permute(k, [0, 2, 1]);
  const scores = matmul(q.reshape([N, G * C, D]), columns).reshape([N, G, C, C]);
  return { overlaps: matmul(k, columns), scores: multiply(scores, lower) };
}

/** Each sum of logarithms by itself: a difference of two long ones would lose the digits of what matters. */
function fadingHeads(q: Tensor, k: Tensor, kept: Tensor, table: Tables): Chunk {
  const [N, C] = k.shape as [number, number];
  const { overlaps, scores } = keeping(q, k, table);
  const logs = kept.reshape([1, N, C]);
  const within = multiply(unary(matmul(logs, table.between!).reshape([N, C, C]), 'exp'), table.lower);
  const since = unary(matmul(logs, table.first!).reshape([N, C]), 'exp');
  return {
    overlaps: multiply(overlaps, within),
    scores: binary(scores, within.reshape([N, 1, C, C]), 'multiply'),
    since: since.reshape([N, C, 1]),
    until: slice(within.reshape([N, C * C]), (C - 1) * C, C).reshape([N, C, 1]),
    all: slice(since, C - 1, 1).reshape([N, 1, 1]),
  };
}

/**
 * With a decay of its own for each channel no matrix of scores has it as a factor. But where two blocks meet, what is
 * kept from j to i is what is kept from j to the end of the first times what is kept from there to i, both at most 1 for
 * decays that are: the blocks are those of `inverse`, and the diagonal has no decay.
 */
function fadingChannels(q: Tensor, k: Tensor, kept: Tensor, table: Tables): Chunk {
  const [N, C, D] = k.shape as [number, number, number];
  const G = q.shape[0]! / N;
  const logs = permute(kept, [1, 0, 2]).reshape([1, C, N * D]);
  const factor = (sums: Tensor): Tensor =>
    permute(unary(matmul(sums, logs), 'exp').reshape([C, N, D]), [1, 0, 2]);
  const plain = keeping(q, k, table);
  let overlaps = multiply(plain.overlaps, table.identity);
  let scores = multiply(plain.scores, table.identity);
  table.corners.forEach((corner, level) => {
    const [toStart, toEnd] = table.meetings![level]!;
    const since = factor(toStart);
    const columns = permute(multiply(k, factor(toEnd)), [0, 2, 1]);
    const queries = binary(q.reshape([N, G, C, D]), since.reshape([N, 1, C, D]), 'multiply');
    const met = matmul(queries.reshape([N, G * C, D]), columns).reshape([N, G, C, C]);
    scores = add(scores, multiply(met, corner));
    overlaps = add(overlaps, multiply(matmul(multiply(k, since), columns), corner));
  });
  const since = factor(table.first!);
  const all = slice(permute(since, [0, 2, 1]), C - 1, 1);
  return { overlaps, scores, since, until: factor(table.last!), all };
}

/**
 * `(I + A)⁻¹` of matrices `[N, C, C]` that are zero on and above the diagonal. Of two blocks whose inverses T₁ and T₂
 * are known, the inverse of both together has −T₂ A₂₁ T₁ in its corner; all pairs of a size are joined at once.
 */
function inverse(A: Tensor, { corners, identity }: Tables): Tensor {
  const N = A.shape[0]!;
  let T: Tensor | undefined;
  for (const corner of corners) {
    const part = multiply(A, corner);
    // single tokens are their own inverses
    T = T ? binary(T, matmul(matmul(T, part), T), 'subtract') : binary(identity, part, 'subtract');
  }
  return T ?? add(multiply(A, identity), identity).reshape([N, 1, 1]);
}

/** What is the same for all chunks of C tokens. */
interface Tables {
  /** 1 on and below the diagonal, and only below: `[C, C]` */
  readonly lower: Tensor;
  readonly below: Tensor;
  readonly identity: Tensor;
  /** 1 where two blocks of 1, 2, 4, … tokens meet below the diagonal. */
  readonly corners: readonly Tensor[];
  /** `[1, C, C · C]`, for a decay a head: 1 where token t is one of j + 1 … i. */
  readonly between?: Tensor;
  /** `[1, C, C]`: 1 where token t is one of 0 … i; for a decay a head tokens t are rows, else columns. */
  readonly first?: Tensor;
  /** `[1, C, C]`, for a decay a channel: 1 where token t is after j. */
  readonly last?: Tensor;
  /**
   * For a decay a channel, of each of the corners `[1, C, C]`: 1 where token t is in the second block and not after i, and
   * where it is in the first block and after j.
   */
  readonly meetings?: readonly (readonly [toStart: Tensor, toEnd: Tensor])[];
}

/** @param width of the decay, if there is one */
function tablesOf(device: Device, C: number, width: number | undefined): Tables {
  const square = (is: (i: number, j: number) => boolean): Tensor => {
    const ones = Float32Array.from({ length: C * C }, (_, n) => Number(is(Math.floor(n / C), n % C)));
    return tensor(device, ones, [C, C]);
  };
  const sums = (is: (i: number, t: number) => boolean): Tensor => square(is).reshape([1, C, C]);
  const corners: Tensor[] = [];
  const meetings: [Tensor, Tensor][] = [];
  for (let s = 1; s < C; s *= 2) {
    const block = (i: number): number => Math.floor(i / s);
    const second = (i: number): boolean => block(i) % 2 === 1;
    corners.push(square((i, j) => second(i) && block(j) === block(i) - 1));
    if (width === undefined || width === 1) continue;
    meetings.push([
      sums((i, t) => second(i) && block(t) === block(i) && t <= i),
      sums((j, t) => !second(j) && block(t) === block(j) && t > j),
    ]);
  }
  const masks = {
    lower: square((i, j) => j <= i),
    below: square((i, j) => j < i),
    identity: square((i, j) => i === j),
    corners,
  };
  if (width === undefined) return masks;
  if (width > 1) return { ...masks, first: sums((i, t) => t <= i), last: sums((j, t) => t > j), meetings };
  const between = new Float32Array(C * C * C);
  for (let i = 0; i < C; i++)
    for (let j = 0; j < i; j++) for (let t = j + 1; t <= i; t++) between[t * C * C + i * C + j] = 1;
  return { ...masks, between: tensor(device, between, [1, C, C * C]), first: sums((t, i) => t <= i) };
}
