import type { AttentionParams } from '../../../ops/attention.ts';
import type { KernelArgument, KernelArray, PlanTarget } from '../plan.ts';
import type { Shapes } from '../source.ts';

export type AttentionShapes = Shapes<
  'q' | 'k' | 'v',
  'bias' | 'slopes' | 'sinks' | 'queryPositions' | 'keyPositions' | 'keyUntil' | 'cursor'
>;

/**
 * How attention is laid out over threads.
 *
 * The queries of one key head, `row = query · G + head in the group`, are M rows that read the same keys; a
 * thread computes R of them at once against one key. So a group of heads shares its loads in decode, and
 * neighbouring queries share theirs in prefill. Row block y of `Y = ⌈M / R⌉` looks at the keys
 * `lo(y) … hi(y) − 1` only, a band when there is a window; scores are kept as
 * `[batch · Hkv][Y][K][R]` with K the widest band, in whole tiles.
 */
export interface Layout {
  readonly B: number;
  readonly Lq: number;
  readonly H: number;
  readonly D: number;
  readonly Lk: number;
  readonly Hkv: number;
  readonly width: number;
  readonly Dv: number;
  readonly G: number;
  readonly R: number;
  /** Positions of queries and keys are `offset + i` and `j`, so that ranges of keys are known in advance. */
  readonly structural: boolean;
  /** Bands are narrower than the keys. */
  readonly banded: boolean;
  /** Keys before this are looked at beside the band. */
  readonly sinkTokens: number;
  /** Widest range of keys of a row block, before rounding to tiles; without a band that of all queries. */
  readonly span: number;
}

/** Queries `first … first + queries − 1` of the batches `batch … batch + batches − 1`, computed together. */
export interface Chunk {
  readonly batch: number;
  readonly batches: number;
  readonly first: number;
  readonly queries: number;
  /** Rows of a key head, and row blocks. */
  readonly M: number;
  readonly Y: number;
  /** Keys per row block in whole tiles. */
  readonly tile: number;
  readonly tiles: number;
  readonly K: number;
}

export function layoutOf(inputs: AttentionShapes, params: AttentionParams, target: PlanTarget): Layout {
  const [B, Lq, H, D] = inputs.q.shape as [number, number, number, number];
  const [, Lk, Hkv] = inputs.k.shape as [number, number, number];
  const { causal, before, after, Dv, extras } = params;
  const G = H / Hkv;
  const rows = Lq * G;
  const R = target.packedRows ? Math.min(4, Math.max(1, rows)) : target.columns === 4 && rows >= 4 ? 4 : 1;
  const structural = !inputs.queryPositions && !inputs.keyPositions;
  const behind = causal && params.prefix === 0 ? 0 : after;
  // R rows reach over at most 1 + ⌈(R − 1) / G⌉ queries
  const band = before + behind + 1 + Math.ceil((R - 1) / G);
  const sinkTokens = before === Infinity ? 0 : params.sinkTokens;
  const banded =
    structural && band + sinkTokens < Lk && extras.every((extra) => extra === 'lse') && band < Infinity;
  return {
    B,
    Lq,
    H,
    D,
    Lk,
    Hkv,
    width: inputs.v.shape[3]!,
    Dv,
    G,
    R,
    structural,
    banded,
    sinkTokens,
    span: banded ? band + sinkTokens : Lk,
  };
}

const TILE = 64;

/** Splits the queries so that no intermediate result is larger than the budget. */
export function chunksOf(layout: Layout, params: AttentionParams, target: PlanTarget): Chunk[] {
  const { B, Lq, H } = layout;
  const K = widthOf(layout, params, 0, Lq);
  const fits = (batches: number): number => Math.floor(target.budget / (batches * H * K));
  // extras are laid out for all queries at once; packed rows index their batch by argument, not by thread
  const whole = params.extras.length > 0;
  const batches = target.packedRows || (!whole && fits(B) < Lq) ? 1 : B;
  const queries = whole ? Lq : Math.max(1, Math.min(Lq, fits(batches)));
  // cpu mode makes an array per row of threads and skips thread by thread, so there a tile is a row
  const widest = target.mode === 'cpu' ? Infinity : TILE;
  const chunks: Chunk[] = [];
  for (let batch = 0; batch < B; batch += batches) {
    for (let first = 0; first < Lq; first += queries)
      chunks.push(chunkOf(layout, params, batch, batches, first, Math.min(queries, Lq - first), widest));
  }
  return chunks;
}

function chunkOf(
  layout: Layout,
  params: AttentionParams,
  batch: number,
  batches: number,
  first: number,
  queries: number,
  widest: number,
): Chunk {
  const width = widthOf(layout, params, first, queries);
  const tile = Math.min(widest, Math.ceil(width / 4) * 4);
  const tiles = Math.ceil(width / tile);
  const M = queries * layout.G;
  return { batch, batches, first, queries, M, Y: Math.ceil(M / layout.R), tile, tiles, K: tile * tiles };
}

/**
 * Keys the scores of a chunk have room for. A step of decoding takes the whole capacity, so that no length
 * compiles a kernel of its own (tiles beyond the range cost next to nothing); a longer pass takes what it reaches.
 */
function widthOf(layout: Layout, params: AttentionParams, first: number, queries: number): number {
  const { banded, structural, span, Lk, G } = layout;
  if (banded || params.extras.length > 0 || queries * G < TILE) return span;
  const reach = reachOf(params, structural, first, queries);
  const step = Math.max(TILE, 2 ** Math.ceil(Math.log2(Math.max(1, reach))) / 8);
  return Math.max(1, Math.min(Lk, Math.ceil(reach / step) * step));
}

/** One more than the last key that a query before `first + queries` may see; `rangeOf` says the same in a kernel. */
function reachOf(params: AttentionParams, structural: boolean, first: number, queries: number): number {
  const { causal, prefix, after, sinkTokens, offset, valid } = params;
  if (!structural) return valid;
  const own = offset + first + queries;
  const allowed = causal ? Math.max(own, prefix) : Infinity;
  return Math.max(0, Math.min(valid, allowed, Math.max(own + after, sinkTokens)));
}

/**
 * The rows `[batch · slot · head]` of k or v that a chunk reads, as an argument, and the slot of all batches that
 * they start at.
 * Without this a mode that copies its arguments would copy a whole cache for a window.
 */
export function keyRange(
  name: 'k' | 'v',
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
  target: PlanTarget,
): { readonly argument: KernelArray; readonly start: number } {
  const { B, Lk, Hkv, D, width, banded, sinkTokens, structural, span } = layout;
  const row = name === 'k' ? D : width;
  const perKey = Hkv * row;
  if (!target.views || chunk.batches > 1) {
    return { argument: { array: name, size: [row, B * Lk * Hkv] }, start: 0 };
  }
  const slots = banded && sinkTokens === 0 ? Math.min(Lk, span + chunk.queries - 1) : Lk;
  const from = params.offset + chunk.first - params.before;
  const start = slots < Lk ? Math.max(0, Math.min(from, Lk - slots)) : 0;
  const used = Math.min(slots, Math.max(1, reachOf(params, structural, chunk.first, chunk.queries) - start));
  return {
    argument: {
      array: name,
      size: [row, slots * Hkv],
      start: (chunk.batch * Lk + start) * perKey,
      used: used * perKey,
    },
    start: chunk.batch * Lk + start,
  };
}

/** What every kernel of a chunk is told. */
export function rangeConstants(
  layout: Layout,
  chunk: Chunk,
  params: AttentionParams,
): Record<string, number> {
  const finite = (size: number): number => (size === Infinity ? 0 : size);
  return {
    Lq: layout.Lq,
    H: layout.H,
    D: layout.D,
    Lk: layout.Lk,
    Hkv: layout.Hkv,
    width: layout.width,
    G: layout.G,
    M: chunk.M,
    Y: chunk.Y,
    K: chunk.K,
    tile: chunk.tile,
    queries: chunk.queries,
    before: finite(params.before),
    after: finite(params.after),
    sinkTokens: params.sinkTokens,
  };
}

/** Scalars that change from step to step without compiling: the parameters `rangeNames` of a source. */
export function rangeScalars(
  chunk: Chunk,
  { prefix, offset, valid, causal }: AttentionParams,
): KernelArgument[] {
  const scalars = [{ integer: chunk.first }, { integer: offset }, { integer: valid }];
  return causal && prefix > 0 ? [...scalars, { integer: prefix }] : scalars;
}

/** The parameters of a source that `rangeScalars` gives. */
export function rangeNames({ prefixed }: RangeForm): string {
  return `first, offset, valid${prefixed ? ', prefix' : ''}`;
}

/** What decides the range of keys of a row block in the text of a kernel. */
export interface RangeForm {
  readonly R: number;
  readonly structural: boolean;
  readonly banded: boolean;
  readonly causal: boolean;
  /** Causal, but for keys before `prefix`. */
  readonly prefixed: boolean;
  readonly bounded: boolean;
  /** The band has the sink tokens beside it. */
  readonly sinkTokens: boolean;
  /** The window hides keys ahead, but for sink tokens that lie in the same range. */
  readonly sinksAhead: boolean;
}

export function rangeForm(layout: Layout, params: AttentionParams): RangeForm {
  return {
    R: layout.R,
    structural: layout.structural,
    banded: layout.banded,
    causal: params.causal,
    prefixed: params.causal && params.prefix > 0,
    bounded: params.after < Infinity,
    sinkTokens: layout.banded && layout.sinkTokens > 0,
    sinksAhead: !layout.banded && params.sinkTokens > 0 && params.after < Infinity,
  };
}

/**
 * Statements that declare `lo` and `count` of row block `block`: slot jj of `0 … count − 1` is key `lo + jj`, or
 * with sink tokens key jj for the first of them (`keyAt`). A band may begin before key 0, and then has hidden keys
 * there: so its start is a plain sum.
 */
export function rangeOf(form: RangeForm, block: string): string {
  const { R, structural, banded, causal, bounded, sinkTokens } = form;
  const sinks = sinkTokens ? 'this.constants.sinkTokens' : '0.0';
  const query = (row: string): string => `first + Math.floor((${row} + 0.5) / this.constants.G)`;
  const queries =
    structural && (banded || causal || bounded)
      ? `const queryFirst = ${query(`(${block}) * ${R}`)};
    const queryLast = ${R === 1 ? 'queryFirst' : query(`Math.min((${block}) * ${R} + ${R - 1}, this.constants.M - 1)`)};`
      : '';
  return `${queries}
    const lo = ${banded ? 'offset + queryFirst - this.constants.before' : '0.0'};
    const hi = ${structural ? endOf(form, 'queryLast') : 'valid'};
    const count = ${sinkTokens ? `${sinks} + ` : ''}Math.max(hi - lo, 0.0);`;
}

/** One more than the last key that query `query` of a chunk sees, where positions are counted: every one before is seen. */
export function endOf(form: RangeForm, query: string): string {
  const { causal, prefixed, bounded, sinksAhead } = form;
  const own = `offset + ${query} + 1`;
  const ahead = `${own} + this.constants.after`;
  const ends = [
    ...(causal ? [prefixed ? `Math.max(${own}, prefix)` : own] : []),
    ...(bounded && (!causal || prefixed)
      ? [sinksAhead ? `Math.max(${ahead}, this.constants.sinkTokens)` : ahead]
      : []),
  ];
  return ends.reduce((end, next) => `Math.min(${next}, ${end})`, 'valid');
}

/** The key of slot `jj`. */
export function keyAt({ banded, sinkTokens }: RangeForm, jj: string): string {
  if (!banded) return jj;
  return sinkTokens
    ? `(${jj} + (${jj} >= this.constants.sinkTokens ? lo - this.constants.sinkTokens : 0.0))`
    : `(lo + ${jj})`;
}

/** The rows `[batch · Hkv · Y]` of packed scores or weights, as an argument read `a[block][jj · R + r]`. */
export function packed(name: 'scores' | 'weights', layout: Layout, chunk: Chunk): KernelArray {
  return { array: name, size: [chunk.K * layout.R, chunk.batches * layout.Hkv * chunk.Y] };
}
