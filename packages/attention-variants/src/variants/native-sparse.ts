import {
  add,
  binary,
  bindAxes,
  cast,
  matmul,
  permute,
  reduce,
  slice,
  stopGradient,
  type Tensor,
  tensor,
  topK,
  unary,
  ValueError,
  where,
  zeros,
} from '@headwise/tensor';
import { checkCount, checkGroups, checkWindow } from '../checks.ts';
import type { AttendResult, ScoreParts } from '../contract.ts';
import { seenPairs } from '../cost.ts';
import {
  ownBlocks,
  piecesOfRuns,
  readsAll,
  runMeans,
  runsInBlocks,
  slotsOfBlocks,
} from '../ops/key-blocks.ts';
import { counting, LEAST, number } from '../ops/numbers.ts';
import { selectedAttention, selectedBias } from '../ops/selected-attention.ts';
import type { OwnCall } from '../own-attention.ts';
import { byPieces } from '../query-pieces.ts';
import { softmaxVariant } from '../softmax-variant.ts';
import { placesOf } from '../visible-slots.ts';
import { project, softmaxAttention } from '../wiring.ts';

/**
 * Native sparse attention (NSA): three readings of the same keys, each through a gate of its own. Runs of tokens read as
 * their means, the blocks whose runs weigh most read token by token, and a window.
 *
 * ```text
 * run c holds positions c · every … c · every + over − 1      kC[c], vC[c] = means of its keys and values
 * pC     = softmax over the runs that end at or before i, of (scale · q · kC)
 * w[b]   = Σ of pC over the heads of a group and the runs in block b            what a block weighs for the group
 * blocks = the query's own, the one before it, the first, and those of the largest w: `count` in all
 * y      = g1 · pC · vC  +  g2 · attention over the blocks  +  g3 · attention over the window
 * g      = σ(gates · x)  [B, L, H, 3]
 * state rows: k [Hkv, D], v [Hkv, Dv] a token; kRun [Hkv, D], vRun [Hkv, Dv] once every `every` tokens
 * ```
 *
 * A step reads `Lk / every` means and `count · block + window` keys and values; a `count` that covers everything makes
 * the second reading full attention. The choice has no gradient, the readings have. All three read one set of keys and
 * values, and what compresses a run is its mean, as in the published programs; the paper learns both. Without `x`, or
 * the weights, in the score form the gates are 1.
 *
 * @see Yuan et al. 2025, "Native Sparse Attention: Hardware-Aligned and Natively Trainable Sparse Attention", section 3,
 * eq. 5 to 12, {@link https://arxiv.org/abs/2502.11089}
 */
export const nativeSparse = softmaxVariant({
  name: 'native-sparse',
  title: 'Native sparse attention (NSA)',
  summary:
    'Means of runs, the blocks that they recommend and a window, each through a gate: a trainable sparse attention.',
  paper: {
    title: 'Native Sparse Attention: Hardware-Aligned and Natively Trainable Sparse Attention',
    authors: 'Yuan et al.',
    year: 2025,
    arxiv: '2502.11089',
  },
  defaults: {
    /** Tokens of a block that is read whole. */
    block: 64,
    /** Blocks that a query reads: its own, the one before and the first among them. */
    count: 16,
    /** Tokens of a run that is read as its mean. */
    over: 32,
    /** Tokens from one run to the next. */
    every: 16,
    /** Tokens of the window, the query's own among them. */
    window: 512,
    /** Key/value heads; `undefined` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Multiplies the dot products; `undefined` for `1 / √D`. */
    scale: undefined as number | undefined,
  },
  score: ({ scale }) => ({ causal: true, scale }),
  parameters: ({ E, H }) => ({ gates: [3 * H, E] }),
  own: {
    pooled: ({ H, D, Dv = D }, { over, every, Hkv = H }) => ({
      kRun: { of: 'k', row: [Hkv, D], every, over },
      vRun: { of: 'v', row: [Hkv, Dv], every, over },
    }),
    pool: (_, tokens, __, { over }) =>
      binary(reduce(tokens, 'sum', [1]), number(tokens.device, over), 'divide'),
    reads: (Lq, Lk, { block, count, window }) => Math.min(Lk, Lq * (count * block + window)),
    attend,
  },
  pairs: (Lq, Lk, options) => {
    const { block, count, window, over, every } = options;
    let pairs = seenPairs(Lq, Lk, { causal: true, window: [window - 1, 0] });
    for (let position = Math.max(0, Lk - Lq); position < Lk; position++) {
      const own = Math.floor(position / block);
      pairs += (position % block) + 1 + block * Math.min(count - 1, own);
      pairs += Math.max(0, Math.floor((position + 1 - over) / every) + 1);
    }
    return pairs;
  },
  check: (_, { block, count, over, every, window }) => {
    for (const [name, value] of Object.entries({ block, count, over, every }))
      checkCount('native-sparse', name, value);
    checkWindow('native-sparse', window);
    if (count < 3) {
      const rule = 'must be at least 3: the first block, the own one and the one before it are always read';
      throw new ValueError('native-sparse', 'count', rule, count);
    }
    for (const [name, value] of Object.entries({ block, over }))
      if (value % every !== 0)
        throw new ValueError('native-sparse', name, `must be a multiple of every = ${every}`, value);
  },
  checkExtras: (extras) => {
    const other = extras.find((name) => name !== 'weights');
    if (other !== undefined)
      throw new ValueError(
        'native-sparse',
        'extras',
        'belongs to one softmax, this is three; ask for weights',
        other,
      );
  },
});

/** Most numbers of the scores and the choice of a piece of queries that are held at once. */
const LARGEST = 2 ** 22;

interface SparseOptions {
  readonly block: number;
  readonly count: number;
  readonly over: number;
  readonly every: number;
  readonly window: number;
}

function attend(call: OwnCall, parts: ScoreParts, options: SparseOptions): AttendResult {
  const { q, k, v, extras = [] } = call;
  const given = (['bias', 'slopes', 'keyUntil'] as const).find((part) => call[part] !== undefined);
  if (given || (call.modifiers ?? []).length > 0) {
    const rule = 'has no meaning here: the mean of a run stands for many keys';
    throw new ValueError('native-sparse', given ?? 'modifiers', rule, 'one');
  }
  const { B, Lq, H, Lk, Hkv } = bindAxes('native-sparse', {
    q: [q, 'B Lq H D'],
    k: [k, 'B Lk Hkv D'],
    v: [v, 'B Lk Hkv Dv'],
  });
  checkGroups('native-sparse', H, Hkv);
  const whole = { ...call, offset: call.offset ?? Math.max(0, (call.valid ?? Lk) - Lq) };
  const runs = runsOf(whole, options);
  if (extras.length > 0) return readWith(whole, runs, parts, options, true);
  const { block, count, every } = options;
  const few = Math.floor(LARGEST / Math.max(1, B * (H * (Lk / every) + Hkv * count * block)));
  return {
    out: byPieces(whole, Math.max(1, few), (piece) => readWith(piece, runs, parts, options, false).out),
  };
}

interface Runs {
  readonly k: Tensor<'B Lk Hkv D'>;
  readonly v: Tensor<'B Lk Hkv Dv'>;
  /** The position of the last token of each; −1 where there is none. */
  readonly ends: Tensor<'B Lk', 'i32'>;
}

/** Those that the state keeps; without one, of all keys that are given. */
function runsOf({ k, v, rows, ...at }: OwnCall, { over, every }: SparseOptions): Runs {
  const { device } = k;
  const kept = rows.kRun && rows.vRun && { k: rows.kRun, v: rows.vRun };
  const made = kept ? undefined : runMeans(k, at, { over, every });
  const means = kept ?? { k: made!.means, v: runMeans(v, at, { over, every }).means };
  const n = means.k.shape[1]!;
  const ends = Float32Array.from({ length: n }, (_, c) => every * c + over - 1);
  const last = tensor(device, ends, [1, n]);
  const there = made ? where(made.there, last, number(device, -1)) : last;
  return { ...(means as Pick<Runs, 'k' | 'v'>), ends: cast<'B Lk', 'i32'>(there, 'i32') };
}

/** The three readings and their sum; with their weights on the tokens, where these are asked for. */
function readWith(
  call: OwnCall,
  runs: Runs,
  parts: ScoreParts,
  options: SparseOptions,
  told: boolean,
): AttendResult {
  const { q, k, v, offset, queryPositions } = call;
  // as few blocks as that need no choice
  const all = readsAll(k, options.block, options.count);
  const compressed = softmaxAttention(
    'native-sparse',
    {
      q,
      k: runs.k,
      v: runs.v,
      keyPositions: runs.ends,
      ...(offset !== undefined && { offset }),
      ...(queryPositions && { queryPositions }),
      extras: told || !all ? ['weights'] : [],
    },
    parts,
  );
  const slots = (): Tensor<string, 'i32'> =>
    slotsOfBlocks(chosenBlocks(call, compressed.weights!, options), options.block, call, k);
  const gates = gatesOf(call);
  const near: ScoreParts = { ...parts, window: [options.window - 1, 0] };
  if (!told) {
    const selected = all
      ? softmaxAttention('native-sparse', { ...call, extras: [] }, parts).out
      : selectedAttention({ q, k, v, slots: slots() }, { scale: parts.scale });
    const window = softmaxAttention('native-sparse', { ...call, extras: [] }, near);
    return { out: gated([compressed.out, selected, window.out], gates) };
  }
  const hides = all ? undefined : selectedBias(slots(), k.shape[1]!, q.shape[2]!);
  const selected = softmaxAttention('native-sparse', { ...call, ...(hides && { bias: hides }) }, parts);
  const window = softmaxAttention('native-sparse', call, near);
  const shares = [onTokens(compressed.weights!, call, options), selected.weights!, window.weights!];
  return {
    out: gated([compressed.out, selected.out, window.out], gates),
    weights: gated(
      shares,
      gates?.map((gate) => permute(gate, [0, 2, 1, 3])),
    ),
  };
}

/** `[B, Lq, H, 1]` of each reading; undefined where there is nothing to make them from. */
function gatesOf({ x, q, weights }: OwnCall): readonly Tensor[] | undefined {
  if (!x || !weights.gates) return undefined;
  const [B, Lq, H] = q.shape as [number, number, number];
  const opened = unary(project(x, weights, 'gates'), 'sigmoid').reshape([B, Lq, H, 3]);
  return [0, 1, 2].map((reading) => slice(opened, reading, 1));
}

function gated(readings: readonly Tensor[], gates: readonly Tensor[] | undefined): Tensor<'B Lq H Dv'> {
  const through = readings.map((out, n) => (gates ? binary(out, gates[n]!, 'multiply') : out));
  return through.reduce((sum, one) => add(sum, one)) as Tensor<'B Lq H Dv'>;
}

/** The best blocks of each query and group of heads, `[B, Lq, Hkv, c]`; −1 for none. @param weights of runs `[B, H, Lq, n]` */
function chosenBlocks(call: OwnCall, weights: Tensor, { block, count, over, every }: SparseOptions): Tensor {
  const { device } = weights;
  const [B, H, Lq, n] = weights.shape as [number, number, number, number];
  const [, Lk, Hkv] = call.k.shape as [number, number, number];
  const blocks = Math.max(1, Math.ceil(Lk / block));
  // the query heads of a group stand together
  const group = reduce(stopGradient(weights).reshape([B * Hkv, H / Hkv, Lq * n]), 'sum', [1]);
  const shares = runsInBlocks(group.reshape([B * Hkv * Lq, n]), over / every, block / every, blocks);
  const weighed = permute(shares.reshape([B, Hkv, Lq, blocks]), [0, 2, 1, 3]);
  const row = ownBlocks(call, call.k, Lq, block);
  const own = row.reshape([row.shape[0]!, Lq, 1, 1]);
  const each = counting(device, blocks);
  const before = binary(binary(own, number(device, 1), 'subtract'), each, 'equal');
  // whatever the runs weigh: the own block, the one before it, the first
  const first = where(binary(each, number(device, 0), 'equal'), number(device, ALWAYS), weighed);
  const near = where(before, number(device, 2 * ALWAYS), first);
  const all = where(binary(own, each, 'equal'), number(device, 3 * ALWAYS), near);
  const seen = binary(each, own, 'less-equal');
  const { values, indices } = topK(where(seen, all, number(device, -Infinity)), Math.min(count, blocks));
  return where(binary(values, number(device, LEAST), 'less'), number(device, -1), cast(indices, 'f32'));
}

/** More than any runs weigh together. */
const ALWAYS = 1e9;

/** Weights of runs `[B, H, Lq, n]` on the tokens that they are means of, `[B, H, Lq, Lk]`. */
function onTokens(weights: Tensor, call: OwnCall, { over, every }: SparseOptions): Tensor {
  const { device } = weights;
  const [B, H, Lq, n] = weights.shape as [number, number, number, number];
  const Lk = call.k.shape[1]!;
  const pieces = Math.ceil(Lk / every);
  const shares = piecesOfRuns(weights.reshape([B * H * Lq, n]), over / every, pieces);
  const { keys } = placesOf(call, device, Lq, Lk);
  const b = keys.shape[0]!;
  const from = binary(counting(device, pieces), number(device, every), 'multiply').reshape([pieces, 1]);
  const inside = binary(
    binary(from, keys, 'less-equal'),
    binary(keys, binary(from, number(device, every), 'add'), 'less'),
    'multiply',
  );
  const spread = binary(inside.reshape([b, pieces, Lk]), zeros(device, [B, pieces, Lk]), 'add');
  const each = matmul(shares.reshape([B, H * Lq, pieces]), spread);
  return binary(each, number(device, over), 'divide').reshape([B, H, Lq, Lk]);
}
