import { bindAxes, defineOp, run, type Tensor } from '@headwise/tensor';

type Inputs = { readonly q: Tensor; readonly k: Tensor; readonly score: Tensor };

/**
 * Bahdanau's scores: a small network looks at a query and a key.
 *
 * ```text
 * q     [B, Lq, H, A]     projected; a bias of the network is a bias of this projection
 * k     [B, Lk, H, A]     projected
 * score [H, A]
 * →     [B, H, Lq, Lk]    Σ_a score[h, a] · tanh(q[b, i, h, a] + k[b, j, h, a])
 * ```
 *
 * Bahdanau et al. 2014, "Neural Machine Translation by Jointly Learning to Align and Translate", appendix A.1.2.
 */
export const additiveScoresOp = defineOp<Inputs, Record<never, never>>({
  name: 'additiveScores',
  outputs({ q, k, score }) {
    const { B, Lq, Lk, H } = bindAxes('additiveScores', {
      q: [q, 'B Lq H A'],
      k: [k, 'B Lk H A'],
      score: [score, 'H A'],
    });
    return [{ shape: [B, H, Lq, Lk], dtype: 'f32' }];
  },
  reference({ q, k, score }) {
    const [B, Lq, H, A] = q.shape as [number, number, number, number];
    const Lk = k.shape[1]!;
    const y = new Float64Array(B * H * Lq * Lk); // [B, H, Lq, Lk]
    let cell = 0;
    for (let b = 0; b < B; b++) {
      for (let h = 0; h < H; h++) {
        for (let i = 0; i < Lq; i++) {
          for (let j = 0; j < Lk; j++, cell++) {
            const qRow = ((b * Lq + i) * H + h) * A;
            const kRow = ((b * Lk + j) * H + h) * A;
            for (let a = 0; a < A; a++)
              y[cell]! += score.data[h * A + a]! * Math.tanh(q.data[qRow + a]! + k.data[kRow + a]!);
          }
        }
      }
    }
    return [y];
  },
  gpujs({ q, k }) {
    const [B, Lq, H, A] = q.shape as [number, number, number, number];
    const Lk = k.shape[1]!;
    return {
      steps: [
        {
          name: 'scores',
          source,
          constants: { H, A },
          args: ['q', 'k', 'score', { integer: Lq }, { integer: Lk }],
          length: B * H * Lq * Lk,
          threads: [Lk, Lq, B * H],
        },
      ],
      outputs: ['scores'],
    };
  },
});

// tanh is 1 to the last bit beyond 10, and NaN on GPUs from 50 on
const source = `function (q, k, score, Lq, Lk) {
    const b = Math.floor(this.thread.z / this.constants.H);
    const h = this.thread.z - b * this.constants.H;
    const qRow = ((b * Lq + this.thread.y) * this.constants.H + h) * this.constants.A;
    const kRow = ((b * Lk + this.thread.x) * this.constants.H + h) * this.constants.A;
    const row = h * this.constants.A;
    let sum = 0.0;
    for (let a = 0; a < this.constants.A; a++) {
      sum += score[row + a] * Math.tanh(Math.max(-10.0, Math.min(10.0, q[qRow + a] + k[kRow + a])));
    }
    return sum;
  }`;

/**
 * Additive scores.
 *
 * @param q `[B, Lq, H, A]`
 * @param k `[B, Lk, H, A]`
 * @param score `[H, A]`
 * @returns `[B, H, Lq, Lk]`
 * @throws {ShapeError} if heads or widths differ.
 */
export function additiveScores(q: Tensor, k: Tensor, score: Tensor): Tensor<'B H Lq Lk'> {
  return run(additiveScoresOp, { q, k, score }, {})[0] as Tensor<'B H Lq Lk'>;
}
