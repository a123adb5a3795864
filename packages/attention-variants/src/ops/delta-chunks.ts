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
import { type HeadsFirst, headwise, joined, number, rows } from './linear-attention-pieces.ts';

/** Tokens whose corrections are found at once: the work within a chunk grows with its square, the calls shrink with it. */
const CHUNK = 32;

/** Where exp is 0 in float32: sums of such logarithms stay finite, and −∞ times 0 is no number. */
const FORGOTTEN = -104;

/**
 * The delta rules in chunks, with or without a decay a head. What is written for the tokens of a chunk, U, solves a
 * triangular system, because each correction knows those before it:
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
  const tables = new Map(sizes.map((C) => [C, tablesOf(device, C, !!decay)]));
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
    const fade = kept && fadeOf(rows(kept, start, C), table);
    const columns = permute(ks, [0, 2, 1]); // [N, D, C]
    const queries = qs.reshape([N, G * C, D]);
    const product = matmul(ks, columns);
    const overlap = multiply(
      binary(fade ? multiply(product, fade.within) : product, b, 'multiply'),
      table.below,
    );
    const known = matmul(ks, before);
    const missing = binary(vs, fade ? binary(known, fade.since, 'multiply') : known, 'subtract');
    const U = matmul(inverse(overlap, table), binary(missing, b, 'multiply')); // [N, C, W]
    const scores = matmul(queries, columns).reshape([N, G, C, C]);
    const masked = fade
      ? binary(scores, fade.within.reshape([N, 1, C, C]), 'multiply')
      : multiply(scores, table.lower);
    const read = matmul(queries, before).reshape([N, G, C, W]);
    const earlier = fade ? binary(read, fade.since.reshape([N, 1, C, 1]), 'multiply') : read;
    const own = matmul(masked.reshape([N, G * C, C]), U).reshape([N, G, C, W]);
    const stays = fade ? binary(before, fade.all, 'multiply') : before;
    const comes = fade ? binary(columns, fade.until, 'multiply') : columns;
    return { y: add(earlier, own).reshape([N * G, C * W]), S: add(stays, matmul(comes, U)) };
  });
}

/** What is kept between the tokens of a chunk. */
interface Fade {
  /** From token j to token i, 0 above the diagonal: `[N, C, C]` */
  readonly within: Tensor;
  /** From before the chunk to token i: `[N, C, 1]` */
  readonly since: Tensor;
  /** From token j to the end of the chunk: `[N, 1, C]` */
  readonly until: Tensor;
  /** From before the chunk to its end: `[N, 1, 1]` */
  readonly all: Tensor;
}

/** Each sum of logarithms by itself: a difference of two long ones would lose the digits of what matters. */
function fadeOf(kept: Tensor, { between, first, lower }: Tables): Fade {
  const [N, C] = kept.shape as [number, number];
  const logs = kept.reshape([1, N, C]);
  const within = multiply(unary(matmul(logs, between!).reshape([N, C, C]), 'exp'), lower);
  const since = unary(matmul(logs, first!).reshape([N, C]), 'exp');
  return {
    within,
    since: since.reshape([N, C, 1]),
    until: slice(within.reshape([N, C * C]), (C - 1) * C, C).reshape([N, 1, C]),
    all: slice(since, C - 1, 1).reshape([N, 1, 1]),
  };
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
  /** `[1, C, C · C]`: 1 where token t is one of j + 1 … i. */
  readonly between: Tensor | undefined;
  /** `[1, C, C]`: 1 where token t is one of 0 … i. */
  readonly first: Tensor | undefined;
}

function tablesOf(device: Device, C: number, fades: boolean): Tables {
  const square = (is: (i: number, j: number) => boolean): Tensor => {
    const ones = Float32Array.from({ length: C * C }, (_, n) => Number(is(Math.floor(n / C), n % C)));
    return tensor(device, ones, [C, C]);
  };
  const corners: Tensor[] = [];
  for (let s = 1; s < C; s *= 2) {
    const block = (i: number): number => Math.floor(i / s);
    corners.push(square((i, j) => block(i) % 2 === 1 && block(j) === block(i) - 1));
  }
  const between = new Float32Array(C * C * C);
  for (let i = 0; i < C; i++)
    for (let j = 0; j < i; j++) for (let t = j + 1; t <= i; t++) between[t * C * C + i * C + j] = 1;
  return {
    lower: square((i, j) => j <= i),
    below: square((i, j) => j < i),
    identity: square((i, j) => i === j),
    corners,
    between: fades ? tensor(device, between, [1, C, C * C]) : undefined,
    first: fades ? square((t, i) => t <= i).reshape([1, C, C]) : undefined,
  };
}
