import type { LayerShape } from '@headwise/attention-variants';
import {
  type AttentionExtra,
  add,
  attentionWith,
  gather,
  linear,
  NOBODY,
  scope,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import type { Part, PartCall, PartResult } from '../part.ts';

/**
 * Longformer's attention: a window to both sides, and a few tokens of the text that see all and are seen by all, with
 * projections of their own. For encoders: it keeps nothing, and every call is a whole text.
 *
 * ```text
 * token i:  softmax over |i − j| ≤ W and the global j of   q_i · k_j / √D    → v
 * global i: softmax over all j of                        gq_i · gk_j / √D    → gv
 * weights q, k, v, globalQ, globalK, globalV [H·D, E], each with a bias [H·D]; o [E, H·D], o.bias [E]
 * ```
 *
 * Global tokens at the start of all texts are a declared part of the score; others are a table `[B, 1, L, L]`.
 * Never throws.
 *
 * @param options.window W: tokens to each side
 * @see Beltagy et al. 2020, "Longformer", section 3.1, {@link https://arxiv.org/abs/2004.05150}
 */
export function globalAttention({ window }: { readonly window: number }): Part {
  return {
    name: 'attention',
    keeps: 'text',
    readsGlobals: true,
    check() {},
    parameters: (shape) => parametersOf(shape),
    states: () => ({}),
    reasonsAgainst: () => [],
    reserve() {},
    run: (call) => scope(() => run(call, window)),
  };
}

function parametersOf({ E, H, D }: LayerShape): Record<string, readonly number[]> {
  const inner = ['q', 'k', 'v', 'globalQ', 'globalK', 'globalV'].flatMap((name) => [
    [name, [H * D, E]],
    [`${name}.bias`, [H * D]],
  ]);
  return Object.fromEntries([...inner, ['o', [E, H * D]], ['o.bias', [E]]]);
}

type Seen = { readonly out: Tensor } & { readonly [Name in AttentionExtra]?: Tensor };

function run(call: PartCall, window: number): PartResult {
  const { x, weights, shape, extras = [] } = call;
  const [B, L] = x.shape as [number, number];
  const globals = call.globals?.some((row) => row.length > 0) ? call.globals : undefined;
  const near = attend(call, x, ['q', 'k', 'v'], locally(call, globals ?? [], window));
  const all = globals ? { ...near, ...withGlobals(call, near, globals) } : near;
  const y = linear<'B L E'>(all.out.reshape([B, L, shape.H * shape.D]), weights.o!, {
    bias: weights['o.bias'],
  });
  return { y, extras: Object.fromEntries(extras.map((name) => [name, all[name]])) };
}

/** Which keys a token sees that is not global. */
function locally(
  { x, positions }: PartCall,
  globals: readonly (readonly number[])[],
  window: number,
): { sinkTokens?: number; window?: readonly [number, number]; bias?: Tensor<'B H Lq Lk'> } {
  const [B, L] = x.shape as [number, number];
  const first = globals[0]?.length ?? 0;
  const atStart = globals.every((row) => row.length === first && row.every((place) => place < first));
  if (atStart) return { window: [window, window], sinkTokens: first };
  const hidden = new Float32Array(B * L * L).fill(-Infinity);
  for (let b = 0; b < B; b++) {
    const row = (positions.shape[0] === 1 ? 0 : b) * L;
    const at = (i: number): number => positions.host[row + i]!;
    for (let i = 0; i < L; i++)
      for (let j = 0; j < L; j++)
        if (Math.abs(at(i) - at(j)) <= window || globals[b]!.includes(j)) hidden[(b * L + i) * L + j] = 0;
  }
  return { bias: tensor<'B H Lq Lk'>(x.device, hidden, [B, 1, L, L]) };
}

/** The same with the rows of global tokens from their own queries, keys and values. */
function withGlobals(call: PartCall, near: Seen, globals: readonly (readonly number[])[]): Seen {
  const { x, shape, extras = [] } = call;
  const [B, L, E] = x.shape as [number, number, number];
  const G = Math.max(...globals.map(({ length }) => length));
  const chosen = globals.flatMap((row, b) =>
    Array.from({ length: G }, (_, g) => (g < row.length ? b * L + row[g]! : NOBODY)),
  );
  const rows = gather(x.reshape([B * L, E]), tensor(x.device, Int32Array.from(chosen), [B, G]));
  const far = attend(call, rows, ['globalQ', 'globalK', 'globalV'], {});
  // out is [B, L, H, D]; what else is asked for has its heads before its tokens
  const outer = (name: string): number => (name === 'out' ? B : B * shape.H);
  return Object.fromEntries(
    ['out' as const, ...extras].map((name) => {
      const groups = outer(name);
      const [fromNear, fromFar] = [
        new Int32Array(groups * L).fill(NOBODY),
        new Int32Array(groups * L).fill(NOBODY),
      ];
      for (let n = 0; n < groups; n++) {
        const row = globals[Math.floor((n * B) / groups)]!;
        for (let i = 0; i < L; i++) {
          const g = row.indexOf(i);
          if (g < 0) fromNear[n * L + i] = n * L + i;
          else fromFar[n * L + i] = n * G + g;
        }
      }
      const width = near[name]!.size / (groups * L);
      const taken = (from: Tensor, count: number, ids: Int32Array): Tensor =>
        gather(from.reshape([groups * count, width]), tensor(x.device, ids, [groups * L]));
      const both = add(taken(near[name]!, L, fromNear), taken(far[name]!, G, fromFar));
      return [name, both.reshape(near[name]!.shape)];
    }),
  ) as unknown as Seen;
}

/** Queries of `from`, keys and values of x, through attention that sees both ways. */
function attend(
  { x, weights, shape, positions, extras = [] }: PartCall,
  from: Tensor,
  [q, k, v]: readonly [string, string, string],
  { bias, ...parts }: ReturnType<typeof locally>,
): Seen {
  const heads = (of: Tensor, name: string): Tensor<string> => {
    const [B, L] = of.shape as [number, number];
    return linear(of, weights[name]!, { bias: weights[`${name}.bias`] }).reshape([B, L, shape.H, shape.D]);
  };
  const inputs = {
    q: heads(from, q) as Tensor<'B Lq H D'>,
    k: heads(x, k) as Tensor<'B Lk Hkv D'>,
    v: heads(x, v) as Tensor<'B Lk Hkv Dv'>,
    ...(from === x && { queryPositions: positions.tensor.reshape<'B Lq'>(positions.shape) }),
    keyPositions: positions.tensor.reshape<'B Lk'>(positions.shape),
    bias,
  };
  return attentionWith(inputs, { causal: false, ...parts }, extras);
}
