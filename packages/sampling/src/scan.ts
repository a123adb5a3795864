import { SamplingError } from './errors.ts';
import { kthLargest } from './select.ts';

// The first reads of the model's own logits [V]. Each writes the tokens it finds to ids and logits, ids ascending,
// and returns how many; none of them takes a token whose logit is −Infinity, and all refuse NaN and Infinity.

/** Every token that may come, with its logit divided. */
export function listAll(
  source: Float32Array,
  divisor: number,
  ids: Uint32Array,
  logits: Float64Array,
): number {
  let size = 0;
  for (let id = 0; id < source.length; id++) {
    const logit = source[id]!;
    if (logit === -Infinity) continue;
    if (!(logit < Infinity)) refuse(id, logit);
    ids[size] = id;
    logits[size++] = logit / divisor;
  }
  return size;
}

/**
 * Top-k with ties in one read: tokens that reach the `k`-th largest value seen so far go to a buffer; when it is
 * full, a selection raises that value and empties it. The comparison also lets NaN through, which is how NaN
 * costs nothing to detect.
 *
 * @param keys scratch of the length of `source`.
 */
export function selectTop(
  source: Float32Array,
  k: number,
  ids: Uint32Array,
  logits: Float64Array,
  keys: Float64Array,
): number {
  const slack = Math.max(3 * k, 64);
  let full = Math.min(k + slack, source.length);
  let floor = sampledFloor(source, k, keys);
  let size = 0;
  for (let id = 0; id < source.length; id++) {
    const logit = source[id]!;
    if (logit < floor || logit === -Infinity) continue;
    if (!(logit < Infinity)) refuse(id, logit);
    if (size === full) {
      floor = kthOf(logits, size, k, keys);
      size = compactAbove(ids, logits, size, floor);
      full = Math.min(size + slack, source.length);
      if (logit < floor) continue;
    }
    ids[size] = id;
    logits[size++] = logit;
  }
  return size > k ? compactAbove(ids, logits, size, kthOf(logits, size, k, keys)) : size;
}

/** {@link selectTop} in place, on a list whose logits are known to be finite. Returns the new size. */
export function shrinkTop(
  ids: Uint32Array,
  logits: Float64Array,
  size: number,
  k: number,
  keys: Float64Array,
): number {
  const slack = Math.max(3 * k, 64);
  let full = k + slack;
  let floor = -Infinity;
  let write = 0;
  for (let read = 0; read < size; read++) {
    const logit = logits[read]!;
    if (logit < floor) continue;
    if (write === full) {
      floor = kthOf(logits, write, k, keys);
      write = compactAbove(ids, logits, write, floor);
      full = write + slack;
      if (logit < floor) continue;
    }
    ids[write] = ids[read]!;
    logits[write++] = logit;
  }
  return write > k ? compactAbove(ids, logits, write, kthOf(logits, write, k, keys)) : write;
}

/** Tokens at most `gap` below the best, in two reads: the maximum, then what is near it. */
export function selectWithin(
  source: Float32Array,
  divisor: number,
  gap: number,
  ids: Uint32Array,
  logits: Float64Array,
): number {
  let maximum = -Infinity;
  for (let id = 0; id < source.length; id++) {
    const logit = source[id]!;
    if (!(logit < Infinity)) refuse(id, logit);
    if (logit > maximum) maximum = logit;
  }
  if (maximum === -Infinity) return 0;
  const edge = maximum / divisor - gap;
  let size = 0;
  for (let id = 0; id < source.length; id++) {
    const logit = source[id]! / divisor;
    if (logit < edge) continue;
    ids[size] = id;
    logits[size++] = logit;
  }
  return size;
}

/**
 * The `k`-th largest of a few spread-out logits is never above that of all: a floor to begin with, so that even
 * ascending logits do not all pass through the buffer.
 */
function sampledFloor(source: Float32Array, k: number, keys: Float64Array): number {
  const count = Math.max(1024, 8 * k);
  if (source.length < 4 * count) return -Infinity;
  const stride = Math.floor(source.length / count);
  for (let i = 0; i < count; i++) {
    const logit = source[i * stride]!;
    if (!(logit < Infinity)) refuse(i * stride, logit);
    keys[i] = logit;
  }
  return kthLargest(keys, count, k);
}

function kthOf(logits: Float64Array, size: number, k: number, keys: Float64Array): number {
  keys.set(logits.subarray(0, size));
  return kthLargest(keys, size, k);
}

function compactAbove(ids: Uint32Array, logits: Float64Array, size: number, floor: number): number {
  let write = 0;
  for (let read = 0; read < size; read++) {
    if (logits[read]! < floor) continue;
    ids[write] = ids[read]!;
    logits[write++] = logits[read]!;
  }
  return write;
}

function refuse(index: number, value: number): never {
  throw new SamplingError(
    'sample',
    `logits[${index}] is ${value}; a logit must be a finite number, or -Infinity for a token that may not come`,
    { index, value },
  );
}
