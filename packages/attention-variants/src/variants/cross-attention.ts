import {
  bindAxes,
  createPositions,
  type LayerSpec,
  NOBODY,
  type Positions,
  ShapeError,
  type StateView,
  scope,
  sizeOf,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import { checkAttendCall, checkGroups, checkLayerCall, checkLayerShape } from '../checks.ts';
import { checkKinds, resolveOptions } from '../configure.ts';
import { type AttentionVariant, defineVariant, type LayerCall, type LayerShape } from '../contract.ts';
import { sumCost } from '../cost.ts';
import { mergeHeads, project, softmaxAttention, splitHeads, withBiases } from '../wiring.ts';

type CrossAttention = AttentionVariant<'cross-attention', CrossAttentionOptions>;

export interface CrossAttentionOptions {
  /** Key/value heads; `undefined` for as many as there are query heads. */
  readonly Hkv: number | undefined;
  /** Multiplies the dot products; `undefined` for `1 / √D`. */
  readonly scale: number | undefined;
}

/**
 * Cross-attention: queries come from `x`, keys and values from a source (an encoder's output, an image), computed
 * once a source and kept. A decode step then reads them and adds nothing, so the state does not grow.
 *
 * ```text
 * q [B, Lq, H,   D ]   from x [B, Lq, E]
 * k [B, Ls, Hkv, D ]   from source [B, Ls, Es], by the first call of a state
 * v [B, Ls, Hkv, Dv]
 * → [B, Lq, H,   Dv]   softmax(q · kᵀ / √D) · v, every key seen but padding (position −1)
 * ```
 *
 * Encodings of position are not applied: a token of the target has no distance from one of the source.
 *
 * @see Vaswani et al. 2017, "Attention Is All You Need", section 3.2.3, {@link https://arxiv.org/abs/1706.03762}
 */
export const crossAttention: CrossAttention = defineVariant({
  name: 'cross-attention',
  title: 'Cross-attention',
  summary: 'Queries from the target, keys and values from a source, computed once.',
  paper: { title: 'Attention Is All You Need', authors: 'Vaswani et al.', year: 2017, arxiv: '1706.03762' },
  state: 'full',
  needsSource: true,
  defaults: { Hkv: undefined, scale: undefined } as CrossAttentionOptions,

  check(shape, options) {
    checkLayerShape('cross-attention', shape);
    checkKinds('cross-attention', crossAttention.defaults, options);
    checkGroups('cross-attention', shape.H, options.Hkv ?? shape.H);
  },

  parameters(shape, options) {
    const { E, Es, H, Hkv, D, Dv } = sizesOf(shape, options);
    return withBiases(shape, { q: [H * D, E], k: [Hkv * D, Es], v: [Hkv * Dv, Es], o: [E, H * Dv] });
  },

  kv(shape, options): LayerSpec {
    const { Hkv, D, Dv } = sizesOf(shape, options);
    return { kind: 'full', rows: { k: [Hkv, D], v: [Hkv, Dv] }, cap: Infinity, constant: {} };
  },

  /** `Lk` is the length of the source; its keys and values are counted when `Lq` is the whole target. */
  cost(shape, options, { B, Lq, Lk, layer }) {
    const { Es, H, Hkv, D, Dv } = sizesOf(shape, options);
    const { q, o } = crossAttention.parameters(shape, options, layer);
    const { flops, ...rest } = sumCost({
      tokens: B * Lq,
      weights: sizeOf(q!) + sizeOf(o!),
      attentionFlops: 2 * B * Lq * Lk * H * (D + Dv),
      stateReads: B * Lk * Hkv * (D + Dv),
    });
    const source = Lq > 1 ? Hkv * (D + Dv) * Es : 0;
    return { ...rest, flops: flops + 2 * B * Lk * source, weightReads: rest.weightReads + source };
  },

  score: ({ scale }) => ({ causal: false, scale }),

  attend(call, given) {
    const { scale, Hkv } = resolveOptions(crossAttention, given);
    checkAttendCall('cross-attention', call, () => Hkv);
    return scope(() => softmaxAttention('cross-attention', call, { causal: false, scale }));
  },

  layer(call) {
    checkLayerCall(crossAttention, call);
    const { x, weights, state, shape, options, extras } = call;
    checkSource(call);
    return scope(() => {
      const q: Tensor = splitHeads(project(x, weights, 'q'), shape.H);
      const { rows, valid, cursor, keyPositions } = state.length === 0 ? readSource(call) : state.view();
      const { out, ...more } = softmaxAttention(
        'cross-attention',
        {
          q,
          k: rows.k as Tensor,
          v: rows.v as Tensor,
          valid,
          offset: 0,
          ...(cursor && { cursor }),
          ...(keyPositions && { keyPositions }),
          extras,
        },
        { causal: false, scale: options.scale },
      );
      return { y: project(mergeHeads(out), weights, 'o'), state, ...more };
    });
  },
});

/** @throws {ShapeError | ValueError} if the source is missing, is another one than the state has read, or does not fit. */
function checkSource({ x, source, sourcePositions, state, shape }: LayerCall<CrossAttentionOptions>): void {
  if (!source) {
    if (state.length > 0) return;
    const rule = 'must be given to the first call of a state: keys and values come from it';
    throw new ValueError('cross-attention', 'source', rule, source);
  }
  const { Ls, Es } = bindAxes('cross-attention', {
    x: [x, 'B L E'],
    source: [source, 'B Ls Es'],
    ...(sourcePositions && {
      sourcePositions: [sourcePositions, sourcePositions.shape[0] === 1 ? '1 Ls' : 'B Ls'],
    }),
  });
  const { Es: wanted = shape.E } = shape;
  if (Es !== wanted) {
    const shapes = [{ name: 'source', axes: ['B', 'Ls', 'Es'], shape: source.shape }];
    throw new ShapeError(
      'cross-attention',
      `source is ${Es} wide, the model reads Es = ${wanted}`,
      shapes,
      'Es',
    );
  }
  const tokens = Math.max(...tokensOf(Ls, sourcePositions));
  if (state.length > 0 && state.length !== tokens) {
    const rule = `must be the ${state.length} tokens that the state has read; a new source needs a new state`;
    throw new ValueError('cross-attention', 'source', rule, `${tokens} tokens`);
  }
}

/** How many tokens each sequence of a source has beside padding. */
function tokensOf(Ls: number, positions: Positions | undefined): readonly number[] {
  if (!positions) return [Ls];
  const { host, shape } = positions;
  return Array.from({ length: shape[0] }, (_, b) => {
    let tokens = 0;
    for (let i = 0; i < Ls; i++) if (host[b * Ls + i]! >= 0) tokens++;
    return tokens;
  });
}

/** Keys and values of the source, into the state: padding leaves no trace there. */
function readSource(call: LayerCall<CrossAttentionOptions>): StateView {
  const { source, sourcePositions, weights, state, shape, options } = call;
  const { Hkv } = sizesOf(shape, options);
  const rows = {
    k: splitHeads(project(source!, weights, 'k'), Hkv) as Tensor,
    v: splitHeads(project(source!, weights, 'v'), Hkv) as Tensor,
  };
  return sourcePositions ? state.append(rows, counted(call)) : state.append(rows);
}

/** Where the source's tokens stand in the state: one after the other, −1 for padding. */
function counted({ x, source, sourcePositions }: LayerCall<CrossAttentionOptions>): Positions {
  const [B, Ls] = source!.shape as [number, number];
  const { host, shape } = sourcePositions!;
  const rows = Array.from({ length: B }, (_, b) => {
    let next = 0;
    const row = (shape[0] === 1 ? 0 : b) * Ls;
    return Array.from({ length: Ls }, (_, i) => (host[row + i]! < 0 ? NOBODY : next++));
  });
  return createPositions(x.device, rows);
}

function sizesOf({ E, Es = E, H, D, Dv = D }: LayerShape, { Hkv = H }: CrossAttentionOptions) {
  return { E, Es, H, Hkv, D, Dv };
}
