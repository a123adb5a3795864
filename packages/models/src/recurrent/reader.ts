import { additive } from '@headwise/attention-variants';
import {
  concat,
  createPositions,
  type DType,
  gather,
  keep,
  linear,
  type Positions,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';
import { within } from '../block.ts';
import type { Shapes, Weights } from '../part.ts';
import { gruOver, gruParameters } from './gru.ts';

/** How a recurrent decoder learns of its source: an encoder, and what of it each step sees. */
export interface Reader {
  readonly name: string;
  /** Width of the context that a step sees, for recurrent units of width N. Never throws. */
  width(N: number): number;
  /** Shapes of its weights by name, for embeddings of width E. Never throws. */
  parameters(E: number, N: number): Shapes;
  /**
   * @param x `[B, Ls, E]`: the source's embeddings
   * @param positions of its tokens, −1 for padding
   * @throws what its operations throw.
   */
  read(x: Tensor<'B L E'>, positions: Positions, weights: Weights): Reading;
}

/** A source that was read. */
export interface Reading {
  /** What the decoder remembers before its first token, `[B, N]`. */
  readonly start: Tensor<'B N'>;
  /**
   * What a step sees of the source.
   * @param s `[B, N]`: what the decoder remembers
   * @returns the context `[B, C]`, and where it is an average, the weight of each token `[B, Ls]`
   * @throws what its operations throw.
   */
  context(s: Tensor): { readonly c: Tensor; readonly weights?: Tensor };
  /**
   * Sequence b becomes what `order[b]` was; what fails changes nothing.
   * @throws what its operations throw.
   */
  take(order: readonly number[]): void;
  /** Never throws. */
  dispose(): void;
}

/**
 * Cho's reader: the whole source is one vector, which every step sees.
 *
 * ```text
 * c = tanh(summary · h_Ls)      s_0 = tanh(start · c)      h: a recurrent unit from the first token to the last
 * ```
 *
 * @see Cho et al. 2014, section 2.1 and appendix A.1, {@link https://arxiv.org/abs/1406.1078}
 */
export const fixedContext: Reader = {
  name: 'fixed-context',
  width: (N) => N,
  parameters: (E, N) => ({ ...prefixed('forward', gruParameters(E, N)), summary: [N, N], start: [N, N] }),
  read(x, positions, weights) {
    const { last } = gruOver(x, within(weights, 'forward.'), tokensAt(positions));
    let c: Tensor = unary(linear(last, weights.summary!), 'tanh');
    const start: Tensor<'B N'> = unary(linear(c, weights.start!), 'tanh');
    keep(c);
    return {
      start,
      context: () => ({ c }),
      take(order) {
        const next = reordered(c, order);
        c.dispose();
        c = keep(next);
      },
      dispose: () => c.dispose(),
    };
  },
};

/**
 * Bahdanau's reader: each step looks for the tokens of the source that matter now. It is the `additive` variant, with
 * the decoder's memory as the query and what two recurrent units, one from each side, say of each token as keys.
 *
 * ```text
 * h_j  = [forward_j ; backward_j]      s_0 = tanh(start · backward_1)
 * e_ij = score · tanh(query · s_(i−1) + key · h_j)      c_i = Σ_j softmax_j(e_ij) · h_j
 * ```
 *
 * Never throws.
 *
 * @param options.A width of the network that scores
 * @see Bahdanau et al. 2014, section 3 and appendix A.2, {@link https://arxiv.org/abs/1409.0473}
 */
export function alignedContext({ A }: { readonly A: number }): Reader {
  return {
    name: 'aligned-context',
    width: (N) => 2 * N,
    parameters: (E, N) => ({
      ...prefixed('forward', gruParameters(E, N)),
      ...prefixed('backward', gruParameters(E, N)),
      start: [N, N],
      query: [A, N],
      key: [A, 2 * N],
      score: [1, A],
    }),
    read(x, positions, weights) {
      const there = tokensAt(positions);
      const forward = gruOver(x, within(weights, 'forward.'), there);
      const backward = gruOver(x, within(weights, 'backward.'), there, { backwards: true });
      const annotations: Tensor = concat(forward.all, backward.all);
      const [B, Ls, C] = annotations.shape as [number, number, number];
      const start: Tensor<'B N'> = unary(linear(backward.last, weights.start!), 'tanh');
      let v: Tensor = annotations.reshape([B, Ls, 1, C]);
      let k: Tensor = linear(annotations, weights.key!).reshape([B, Ls, 1, A]);
      let at = createPositions(x.device, rowsOf(positions));
      const hold = (): void => {
        for (const held of [v, k, at.tensor]) keep<Tensor<string, DType>>(held);
      };
      const free = (): void => {
        for (const held of [v, k, at.tensor]) held.dispose();
      };
      hold();
      return {
        start,
        context(s) {
          const Bs = s.shape[0]!;
          const { out, weights: alignment } = additive.attend(
            {
              q: linear(s, weights.query!).reshape([Bs, 1, 1, A]),
              k: k as Tensor<'B Lk Hkv D'>,
              v: v as Tensor<'B Lk Hkv Dv'>,
              keyPositions: at.tensor.reshape<'B Lk'>(at.tensor.shape),
              weights: { score: weights.score! },
              extras: ['weights'],
            },
            { causal: false },
          );
          return { c: out.reshape([Bs, C]), weights: alignment!.reshape([Bs, Ls]) };
        },
        take(order) {
          const rows = rowsOf(at);
          // all of the new before the old goes: what fails changes nothing
          const next = [reordered(v, order), reordered(k, order)] as const;
          const stand = createPositions(
            at.tensor.device,
            order.map((from) => rows[from]!),
          );
          free();
          [v, k, at] = [...next, stand];
          hold();
        },
        dispose: free,
      };
    },
  };
}

/** For each place, which texts have a token there: 1 or 0. */
function tokensAt(positions: Positions): number[][] {
  const rows = rowsOf(positions);
  return rows[0]!.map((_, l) => rows.map((row) => (row[l]! >= 0 ? 1 : 0)));
}

function rowsOf({ host, shape: [B, L] }: Positions): number[][] {
  return Array.from({ length: B }, (_, b) => [...host.subarray(b * L, (b + 1) * L)]);
}

/** Rows of the first axis in another order. Never throws. */
export function reordered(x: Tensor, order: readonly number[]): Tensor {
  const [B, ...rest] = x.shape as [number, ...number[]];
  const ids = tensor(x.device, Int32Array.from(order), [order.length]);
  return gather(x.reshape([B, x.size / B]), ids).reshape([order.length, ...rest]);
}

function prefixed(name: string, shapes: Shapes): Shapes {
  return Object.fromEntries(Object.entries(shapes).map(([key, size]) => [`${name}.${key}`, size]));
}
