import {
  add,
  binary,
  bindAxes,
  concat,
  defineOp,
  gather,
  grad,
  multiply,
  permute,
  reduce,
  run,
  ShapeError,
  scope,
  slice,
  type Tensor,
  tensor,
  unary,
  where,
  zeros,
} from '@headwise/tensor';
import { inPieces } from './in-pieces.ts';
import { LEAST, number } from './numbers.ts';

type Inputs = {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly score: Tensor;
  readonly bias?: Tensor | undefined;
};

/**
 * Bahdanau's scores: a small network looks at a query and a key.
 *
 * ```text
 * q     [B, Lq, H, A]             projected; a bias of the network is a bias of this projection
 * k     [B, Lk, Hkv, A]           projected; query head h reads key head ⌊h · Hkv / H⌋
 * score [H, A]
 * bias  [B | 1, H | 1, Lq, Lk]    optional, added; −Infinity stays what it is, also where the score is NaN
 * →     [B, H, Lq, Lk]            Σ_a score[h, a] · tanh(q[b, i, h, a] + k[b, j, h, a])
 * ```
 *
 * Bahdanau et al. 2014, "Neural Machine Translation by Jointly Learning to Align and Translate", appendix A.1.2.
 */
export const additiveScoresOp = defineOp<Inputs, Record<never, never>>({
  name: 'additiveScores',
  outputs({ q, k, score, bias }) {
    const orOne = (size: number, axis: string): string => (size === 1 ? '1' : axis);
    const { B, Lq, Lk, H, Hkv } = bindAxes('additiveScores', {
      q: [q, 'B Lq H A'],
      k: [k, 'B Lk Hkv A'],
      score: [score, 'H A'],
      bias: bias && [bias, `${orOne(bias.shape[0]!, 'B')} ${orOne(bias.shape[1]!, 'H')} Lq Lk`],
    }) as Record<'B' | 'Lq' | 'Lk' | 'H' | 'Hkv', number>;
    if (Hkv === 0 || H % Hkv !== 0)
      throw new ShapeError(
        'additiveScores',
        `H = ${H} query heads cannot be split into Hkv = ${Hkv} groups`,
        [],
        'H',
      );
    return [{ shape: [B, H, Lq, Lk], dtype: 'f32' }];
  },
  reference({ q, k, score, bias }) {
    const [B, Lq, H, A] = q.shape as [number, number, number, number];
    const [, Lk, Hkv] = k.shape as [number, number, number];
    const y = new Float64Array(B * H * Lq * Lk); // [B, H, Lq, Lk]
    let cell = 0;
    for (let b = 0; b < B; b++) {
      for (let h = 0; h < H; h++) {
        const biasHead = bias
          ? (bias.shape[0] === 1 ? 0 : b) * bias.shape[1]! + (bias.shape[1] === 1 ? 0 : h)
          : 0;
        for (let i = 0; i < Lq; i++) {
          for (let j = 0; j < Lk; j++, cell++) {
            const qRow = ((b * Lq + i) * H + h) * A;
            const kRow = ((b * Lk + j) * Hkv + Math.floor((h * Hkv) / H)) * A;
            for (let a = 0; a < A; a++)
              y[cell]! += score.data[h * A + a]! * Math.tanh(q.data[qRow + a]! + k.data[kRow + a]!);
            const added = bias ? bias.data[(biasHead * Lq + i) * Lk + j]! : 0;
            y[cell] = added === -Infinity ? added : y[cell]! + added;
          }
        }
      }
    }
    return [y];
  },
  gpujs({ q, k, bias }) {
    const [B, Lq, H, A] = q.shape as [number, number, number, number];
    const [, Lk, Hkv] = k.shape as [number, number, number];
    const biasHeads = bias
      ? { biasB: bias.shape[0] === 1 ? 0 : bias.shape[1]!, biasH: bias.shape[1] === 1 ? 0 : 1 }
      : {};
    return {
      steps: [
        {
          name: 'scores',
          source: bias ? withBias : plain,
          constants: { H, Hkv, G: H / Hkv, A, ...biasHeads },
          args: ['q', 'k', 'score', ...(bias ? ['bias'] : []), { integer: Lq }, { integer: Lk }],
          length: B * H * Lq * Lk,
          threads: [Lk, Lq, B * H],
        },
      ],
      outputs: ['scores'],
    };
  },
  lower: ({ q, k, score, bias }) => {
    const [B, Lq, H, A] = q.shape as [number, number, number, number];
    const [, Lk, Hkv] = k.shape as [number, number, number];
    const weight = score.reshape([Hkv, H / Hkv, 1, 1, A]);
    // query heads beside the key head they read
    const keys = permute(k, [0, 2, 1, 3]).reshape([B, Hkv, 1, Lk, 1, A]);
    const few = Math.max(1, Math.floor(LARGEST / Math.max(1, B * H * Lk * A)));
    const columns = (start: number, count: number): Tensor => {
      const queries = permute(tokens(q, start, count), [0, 2, 1, 3]);
      const added = binary(keys, queries.reshape([B, Hkv, H / Hkv, 1, count, A]), 'add');
      return reduce(binary(unary(added, 'tanh'), weight, 'multiply'), 'sum').reshape([B, H, Lk, count]);
    };
    const scores = Lq === 0 ? q.reshape([B, H, Lk, 0]) : inPieces(few, 0, Lq, columns);
    const turned = permute(scores, [0, 1, 3, 2]);
    if (!bias) return [turned];
    const hidden = binary(bias, number(q.device, LEAST), 'less');
    return [where(hidden, bias, binary(turned, bias, 'add'))];
  },
  gradient: {
    keeps: (wants) => (wants('q') || wants('k') || wants('score') ? ['q', 'k', 'score'] : []),
    rule({ inputs: { q, k, score }, shapes, dy, wants }, ops) {
      return {
        ...(q && gradientsOfPieces({ q, k, score }, dy as Tensor)),
        ...(wants('bias') && { bias: ops.sumTo(dy, shapes.bias) }),
      };
    },
  },
});

/** Gradients of scores some queries at a time, whose tanh are computed again. */
function gradientsOfPieces(
  { q, k, score }: Pick<Inputs, 'q' | 'k' | 'score'>,
  dy: Tensor,
): { readonly q: Tensor; readonly k: Tensor; readonly score: Tensor } {
  const [B, Lq, H, A] = q.shape as [number, number, number, number];
  const Lk = k.shape[1]!;
  const few = Math.max(1, Math.floor(PIECE / Math.max(1, B * H * Lk * A)));
  const weighted = grad((p: { q: Tensor; k: Tensor; score: Tensor }, back: Tensor) => {
    const scores = additiveScoresOp.lower!(p, {})[0] as Tensor;
    return reduce(multiply(scores, back).reshape([back.size]), 'sum');
  });
  let found: ReturnType<typeof weighted> | undefined; // q: [B, queries so far · H · A]
  for (let start = 0; start < Lq; start += few) {
    const count = Math.min(few, Lq - start);
    const before = found;
    found = scope(() => {
      const rows = slice(dy.reshape([B, H, Lq * Lk]), start * Lk, count * Lk).reshape([B, H, count, Lk]);
      const piece = weighted({ q: tokens(q, start, count), k, score }, rows);
      const queries = piece.q.reshape([B, count * H * A]);
      if (!before) return { ...piece, q: queries };
      return {
        q: concat(before.q, queries),
        k: add(before.k, piece.k),
        score: add(before.score, piece.score),
      };
    });
  }
  return found
    ? { ...found, q: found.q.reshape(q.shape) }
    : { q: zeros(q.device, q.shape), k: zeros(q.device, k.shape), score: zeros(q.device, score.shape) };
}

/** Most numbers of an intermediate result of the composition. */
const LARGEST = 2 ** 22;
/** The same on the way back, where some ten of them are held at once. */
const PIECE = 2 ** 18;

/** Tokens `start … start + count − 1` of each sequence of `[B, L, H, A]`. */
function tokens(x: Tensor, start: number, count: number): Tensor {
  const [B, L, H, A] = x.shape as [number, number, number, number];
  if (count === L) return x;
  const ids = Int32Array.from(
    { length: B * count },
    (_, n) => Math.floor(n / count) * L + start + (n % count),
  );
  return gather(x.reshape([B * L, H * A]), tensor(x.device, ids, [B, count])).reshape([B, count, H, A]);
}

// tanh is 1 to the last bit beyond 10, and NaN on GPUs from 50 on
const source = (bias: boolean): string => `function (q, k, score, ${bias ? 'bias, ' : ''}Lq, Lk) {
    const b = Math.floor((this.thread.z + 0.5) / this.constants.H);
    const h = this.thread.z - b * this.constants.H;
    const g = Math.floor((h + 0.5) / this.constants.G);
    const qRow = ((b * Lq + this.thread.y) * this.constants.H + h) * this.constants.A;
    const kRow = ((b * Lk + this.thread.x) * this.constants.Hkv + g) * this.constants.A;
    const row = h * this.constants.A;
    let sum = 0.0;
    for (let a = 0; a < this.constants.A; a++) {
      sum += score[row + a] * Math.tanh(Math.max(-10.0, Math.min(10.0, q[qRow + a] + k[kRow + a])));
    }${
      bias
        ? `
    const head = b * this.constants.biasB + h * this.constants.biasH;
    const added = bias[(head * Lq + this.thread.y) * Lk + this.thread.x];
    return added < -3.0e38 ? added : sum + added;`
        : `
    return sum;`
    }
  }`;
const plain = source(false);
const withBias = source(true);

/**
 * Additive scores.
 *
 * @param q `[B, Lq, H, A]`
 * @param k `[B, Lk, Hkv, A]`
 * @param score `[H, A]`
 * @param bias `[B | 1, H | 1, Lq, Lk]`
 * @returns `[B, H, Lq, Lk]`
 * @throws {ShapeError} if heads or widths differ.
 */
export function additiveScores(q: Tensor, k: Tensor, score: Tensor, bias?: Tensor): Tensor<'B H Lq Lk'> {
  return run(additiveScoresOp, { q, k, score, bias }, {})[0] as Tensor<'B H Lq Lk'>;
}
