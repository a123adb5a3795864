import {
  binary,
  cast,
  concat,
  gather,
  reduce,
  scatterAdd,
  sizeOf,
  slice,
  type Tensor,
  tensor,
  unary,
  where,
  zeros,
} from '@headwise/tensor';
import type { Placement } from '../contract.ts';
import { placesOf, usedSlots } from '../visible-slots.ts';
import { counting, number } from './numbers.ts';

/** Where queries and slots stand. */
type Standing = { readonly [Part in keyof Placement]?: Placement[Part] | undefined };

/** Means of runs of keys. */
export interface RunMeans {
  /** `[B, n, ...row]`: number j of the positions `every · j … every · j + over − 1`, of those that are there. */
  readonly means: Tensor;
  /** 1 or 0, `[B, n]`: whether there is one. */
  readonly there: Tensor;
}

/**
 * Means of keys (or values) by their positions, for a call without a cache that keeps them; complete runs alone.
 * Positions from the number of slots on are left out.
 *
 * @param k `[B, Lk, ...row]`
 * @param over a multiple of `every`
 * @throws {DeviceError} if a tensor is disposed.
 */
export function runMeans(
  k: Tensor,
  at: Standing,
  { every, over }: { readonly every: number; readonly over: number },
): RunMeans {
  const { device } = k;
  const [B, Lk, ...row] = k.shape as [number, number, ...number[]];
  const n = Math.max(1, Math.floor((Lk - over) / every) + 1);
  const places = placesInSlots(at, k);
  // of the runs that a token is in, the last one begins at or before it, and others `every` earlier each
  const last = wholes(places, every);
  const flat = k.reshape([B * Lk, sizeOf(row)]);
  const ones = tensor(device, new Float32Array(B * Lk).fill(1), [B * Lk, 1]);
  let [sums, counts] = [zeros(device, [B * n, sizeOf(row)]), zeros(device, [B * n, 1])] as [Tensor, Tensor];
  for (let earlier = 0; earlier < over / every; earlier++) {
    const run = earlier === 0 ? last : binary(last, number(device, earlier), 'subtract');
    const ids = cast(rowIds(run, places, n), 'i32').reshape([B * Lk]);
    sums = binary(sums, scatterAdd(flat, ids, B * n), 'add');
    counts = binary(counts, scatterAdd(ones, ids, B * n), 'add');
  }
  const some = binary(counts, number(device, 1), 'maximum');
  return {
    means: binary(sums, some, 'divide').reshape([B, n, ...row]),
    there: binary(number(device, 0), counts, 'less').reshape([B, n]),
  };
}

/**
 * The slots of the tokens of blocks, those alone that the query sees.
 *
 * @param blocks `[B, Lq, G, c]` numbers of blocks, each at most once; below 0 for none
 * @param size tokens of a block
 * @param k `[B, Lk, …]`, the keys whose slots are meant; their positions are below Lk
 * @returns `[B, Lq, G, c · size]` i32, −1 for none
 * @throws {DeviceError} if a tensor is disposed.
 */
export function slotsOfBlocks(blocks: Tensor, size: number, at: Standing, k: Tensor): Tensor<string, 'i32'> {
  const { device } = blocks;
  const [B, Lq, G, c] = blocks.shape as [number, number, number, number];
  const Lk = k.shape[1]!;
  const first = binary(blocks.reshape([B, Lq, G * c, 1]), number(device, size), 'multiply');
  const places = binary(first, counting(device, size), 'add');
  const { queries } = placesOf(at, device, Lq, Lk);
  const seen = [
    binary(places, queries.reshape([queries.shape[0]!, Lq, 1, 1]), 'less-equal'),
    binary(number(device, 0), blocks.reshape([B, Lq, G * c, 1]), 'less-equal'),
    binary(places, number(device, Lk), 'less'),
  ].reduce((all, one) => binary(all, one, 'multiply'));
  const none = number(device, -1);
  const wanted = where(seen, places, none).reshape([B, Lq * G * c * size]);
  return cast(slotsOfPlaces(wanted, at, k), 'i32').reshape([B, Lq, G, c * size]);
}

/** Whether so many blocks are all that there are, since positions are below the number of slots. Never throws. */
export function readsAll(k: Tensor, size: number, count: number): boolean {
  return k.shape[1]! <= count * size;
}

/** The block of each query's own token, `[B | 1, Lq]`; below 0 for nobody. @throws {DeviceError} if a tensor is disposed. */
export function ownBlocks(at: Standing, k: Tensor, Lq: number, size: number): Tensor {
  return wholes(placesOf(at, k.device, Lq, k.shape[1]!).queries, size);
}

/**
 * What runs of compressed tokens add up to in each of `count` blocks of `times` runs, with every run that reaches into the
 * block, once for each piece that it has there: `[X, n]` → `[X, count]`.
 *
 * @param laps pieces of a run
 * @throws {DeviceError} if a tensor is disposed.
 */
export function runsInBlocks(runs: Tensor, laps: number, times: number, count: number): Tensor {
  const X = runs.shape[0]!;
  return reduce(piecesOfRuns(runs, laps, times * count).reshape([X, count, times]), 'sum');
}

/** Each piece with the sum of the runs that it is in: `[X, n]` → `[X, length]`. @throws {DeviceError} if a tensor is disposed. */
export function piecesOfRuns(runs: Tensor, laps: number, length: number): Tensor {
  const [X, n] = runs.shape as [number, number];
  const { device } = runs;
  const long = n < length ? concat(runs, zeros(device, [X, length - n])) : slice(runs, 0, length);
  let sum = long;
  for (let lap = 1; lap < Math.min(laps, length); lap++)
    sum = binary(sum, concat(zeros(device, [X, lap]), slice(long, 0, length - lap)), 'add');
  return sum;
}

/** `⌊places / size⌋` of whole numbers, the half against quotients that are a bit too small. */
function wholes(places: Tensor, size: number): Tensor {
  const { device } = places;
  const middle = binary(places, number(device, 0.5), 'add');
  return unary(binary(middle, number(device, 1 / size), 'multiply'), 'floor');
}

/** The position of each slot `[B, Lk]`, −1 where nobody stands or the position is no slot's number. */
function placesInSlots(at: Standing, k: Tensor): Tensor {
  const { device } = k;
  const [B, Lk] = k.shape as [number, number];
  const { keys } = placesOf(at, device, 1, Lk);
  const used = usedSlots(at, device, Lk);
  const inside = binary(keys, number(device, Lk), 'less');
  const there = used ? binary(inside, used, 'multiply') : inside;
  const every = binary(zeros(device, [B, 1, 1]), where(there, keys, number(device, -1)), 'add');
  return every.reshape([B, Lk]);
}

/** Numbers of things `[B, Lk]` as rows of a table of all sequences, `size` each; −1 where a place or the number is none. */
function rowIds(numbers: Tensor, places: Tensor, size: number): Tensor {
  const { device } = numbers;
  const B = numbers.shape[0]!;
  const ok = [
    binary(number(device, 0), places, 'less-equal'),
    binary(number(device, 0), numbers, 'less-equal'),
    binary(numbers, number(device, size), 'less'),
  ].reduce((all, one) => binary(all, one, 'multiply'));
  const first = tensor(
    device,
    Float32Array.from({ length: B }, (_, b) => b * size),
    [B, 1],
  );
  return where(ok, binary(numbers, first, 'add'), number(device, -1));
}

/** Which slot holds each position `[B, size]`, −1 for none. */
function slotsOfPlaces(wanted: Tensor, at: Standing, k: Tensor): Tensor {
  const { device } = wanted;
  const [B, Lk] = k.shape as [number, number];
  const none = number(device, -1);
  if (!at.keyPositions) {
    const used = usedSlots(at, device, Lk);
    if (!used) return wanted;
    const end = reduce(used.reshape([1, Lk]), 'sum');
    return where(binary(wanted, end, 'less'), wanted, none);
  }
  const places = placesInSlots(at, k);
  const ids = cast(rowIds(places, places, Lk), 'i32').reshape([B * Lk]);
  const slots = binary(zeros(device, [B, 1]), counting(device, Lk), 'add');
  const next = binary(slots, number(device, 1), 'add').reshape([B * Lk, 1]);
  const table = scatterAdd(next, ids, B * Lk);
  const found = gather(table, cast(rowIds(wanted, wanted, Lk), 'i32').reshape(wanted.shape));
  return binary(found.reshape(wanted.shape), number(device, 1), 'subtract');
}
