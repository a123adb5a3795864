import { type Cache, type CacheOptions, createContiguous, createPaged, createRing } from '@headwise/kv-cache';
import {
  type AttentionExtra,
  type AttentionInputs,
  type AttentionOptions,
  attentionWith,
  type Device,
  type LayerSpec,
  type StateView,
  scope,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { type HostArray, sizeOf } from './axes.ts';

/** Rows of all tokens by name, and the queries that read them: what goes through a cache. */
export interface Passage {
  readonly device: Device;
  /** `[B, T, ...row]` by name. */
  readonly rows: Readonly<Record<string, HostArray>>;
  /** `[B, Lq, H, D]` */
  readonly q: HostArray;
  /** Position of query 0. */
  readonly offset: number;
  /** Keys and values `[B, slots, Hkv, D]` out of a view. */
  readonly heads: (view: StateView) => { readonly k: Tensor; readonly v: Tensor };
  readonly inputs?: Partial<AttentionInputs>;
  /** Last query position that sees the token at a position; default no bound. */
  readonly until?: (position: number) => number;
  readonly options: Omit<AttentionOptions, 'causal' | 'valid'>;
  /** What is wanted beside the output, `[B, H, Lq, T]` each. */
  readonly extras: readonly Extra[];
}

type Extra = Exclude<AttentionExtra, 'lse'>;

/** What queries get. */
export interface Passed {
  /** `[B, Lq, H, Dv]` */
  readonly out: HostArray;
  /** `[B, H, Lq, T]`; for keys the cache no longer has, a weight of 0 and a score of −∞. */
  readonly extras: ReadonlyMap<Extra, HostArray>;
  readonly cache: Cache;
}

/** A spec of all tokens, or of the last `cap` and the first `sinks`. */
export function specOf(rows: Passage['rows'], kind: LayerSpec['kind'], cap = Infinity, sinks = 0): LayerSpec {
  const shapes = Object.entries(rows).map(([name, { shape }]) => [name, shape.slice(2)]);
  return { kind, rows: Object.fromEntries(shapes), cap, constant: {}, ...(sinks > 0 && { sinks }) };
}

/** The caches that hold every token, each made for exactly T of them. */
export function growingCaches(passage: Passage, kind: 'full' | 'latent' = 'full'): readonly (() => Cache)[] {
  const options = optionsOf(passage, specOf(passage.rows, kind));
  return [() => createContiguous(options), () => createPaged({ ...options, blockSize: 4 })];
}

/** The rings that hold a window, with and without room to take tokens back. */
export function rings(passage: Passage, window: number, sinks = 0): readonly (() => Cache)[] {
  const options = optionsOf(passage, specOf(passage.rows, 'window', window + sinks, sinks));
  const room = window + sinks;
  return [room, room + 3].map((capacity) => () => createRing({ ...options, capacity }));
}

function optionsOf({ device, rows }: Passage, spec: LayerSpec): CacheOptions {
  const [B, T] = Object.values(rows)[0]!.shape as [number, number];
  return { device, spec, B, capacity: T };
}

/** Cuts T tokens at the first query, then into pieces of these lengths as far as they go, then one by one. */
export function piecesOf({ rows, offset }: Passage, lengths: readonly number[]): readonly number[] {
  const T = tokensOf(rows);
  const pieces = offset > 0 ? [offset] : [];
  let left = T - offset;
  for (const length of lengths) {
    if (length > left) break;
    pieces.push(length);
    left -= length;
  }
  return [...pieces, ...Array<number>(left).fill(1)];
}

/**
 * Appends the tokens piece by piece; causal queries read after the piece they belong to, as a decoder does. When
 * half of the pieces are through, what the cache holds is saved and loaded again.
 */
export async function passCausal(passage: Passage, cache: Cache, pieces: readonly number[]): Promise<Passed> {
  const passed = emptyPassed(passage, cache);
  let start = 0;
  for (const [n, L] of pieces.entries()) {
    if (n === pieces.length >> 1) cache.load(await cache.save());
    const view = appendPiece(passage, cache, start, L);
    if (start >= passage.offset) await attendInto(passed, passage, view, start - passage.offset, L, true);
    start += L;
  }
  return passed;
}

/** Appends the tokens piece by piece; then all queries read at once, at positions `offset …`. */
export async function passWhole(
  passage: Passage,
  cache: Cache,
  pieces: readonly number[],
  causal: boolean,
): Promise<Passed> {
  const passed = emptyPassed(passage, cache);
  let start = 0;
  for (const L of pieces) {
    appendPiece(passage, cache, start, L);
    start += L;
  }
  await attendInto(passed, passage, cache.view(), 0, passage.q.shape[1]!, causal);
  return passed;
}

/** The first T rows that a cache of all tokens holds, `[B, T, ...row]`. */
export async function heldRows({ cache }: Passed, name: string): Promise<HostArray> {
  const rows = cache.view().rows[name]!;
  const all = { shape: rows.shape, data: (await rows.data()) as Float32Array };
  return pieceOf(all, 0, cache.length);
}

function appendPiece({ device, rows }: Passage, cache: Cache, start: number, L: number): StateView {
  return scope(() => {
    const pieces = Object.entries(rows).map(([name, all]) => {
      const piece = pieceOf(all, start, L);
      return [name, tensor(device, piece.data, piece.shape)] as const;
    });
    return cache.append(Object.fromEntries(pieces));
  });
}

/** Queries `first … first + L − 1` over a view, put where they belong by the positions of its slots. */
async function attendInto(
  { out, extras }: Passed,
  { device, rows, q, offset, heads, inputs, until, options }: Passage,
  view: StateView,
  first: number,
  L: number,
  causal: boolean,
): Promise<void> {
  const piece = pieceOf(q, first, L);
  const at = Int32Array.from({ length: L }, (_, i) => offset + first + i);
  const positions =
    (await view.keyPositions?.data()) ??
    Int32Array.from({ length: Object.values(view.rows)[0]!.shape[1]! }, (_, slot) => slot);
  const got = scope(() =>
    attentionWith(
      {
        q: tensor(device, piece.data, piece.shape),
        ...heads(view),
        queryPositions: tensor(device, at, [1, L]),
        keyPositions: view.keyPositions,
        ...(until && { keyUntil: tensor(device, positions.map(until), [1, positions.length]) }),
        ...inputs,
      },
      { ...options, causal, valid: view.valid },
      [...extras.keys()],
    ),
  );
  const [B, , H, Dv] = got.out.shape as [number, number, number, number];
  const Lq = q.shape[1]!;
  const values = await got.out.data();
  for (let b = 0; b < B; b++) {
    const some = values.subarray(b * L * H * Dv, (b + 1) * L * H * Dv);
    out.data.set(some, (b * Lq + first) * H * Dv);
  }
  for (const [name, all] of extras) {
    const some = got[name]!;
    const data = await some.data();
    const slots = some.shape[3]!;
    for (let row = 0; row < B * H * L; row++) {
      const query = Math.floor(row / L) * Lq + first + (row % L);
      for (let slot = 0; slot < view.valid; slot++) {
        const position = positions[slot]!;
        if (position >= 0) all.data[query * tokensOf(rows) + position] = data[row * slots + slot]!;
      }
    }
  }
  for (const made of Object.values(got)) made.dispose();
}

function emptyPassed({ rows, q, options, extras }: Passage, cache: Cache): Passed {
  const [B, Lq, H] = q.shape as [number, number, number];
  const T = tokensOf(rows);
  const last = Object.values(rows).at(-1)!.shape.at(-1)!;
  const shape = [B, Lq, H, options.valueWidth ?? last];
  return {
    cache,
    out: { shape, data: new Float32Array(sizeOf(shape)) },
    extras: new Map(
      extras.map((name) => {
        const data = new Float32Array(B * H * Lq * T).fill(name === 'scores' ? -Infinity : 0);
        return [name, { shape: [B, H, Lq, T], data }];
      }),
    ),
  };
}

function tokensOf(rows: Passage['rows']): number {
  return Object.values(rows)[0]!.shape[1]!;
}

/** Tokens `start … start + L − 1` of `[B, T, …]`. */
function pieceOf({ shape, data }: HostArray, start: number, L: number): HostArray {
  const [B, T, ...row] = shape as [number, number, ...number[]];
  const width = sizeOf(row);
  const piece = new Float32Array(B * L * width);
  for (let b = 0; b < B; b++) {
    piece.set(data.subarray((b * T + start) * width, (b * T + start + L) * width), b * L * width);
  }
  return { shape: [B, L, ...row], data: piece };
}
