import type { AnyEncoding, RotaryEncoding, RotationTables } from '@headwise/positional';
import { rowsOf } from './tables.ts';

/** A query and a key of width D, in float64. */
export interface Content {
  readonly q: Float64Array;
  readonly k: Float64Array;
}

/** Where a query and a key stand, in a text of `length` tokens. */
export interface Pair {
  readonly query: number;
  readonly key: number;
  readonly length: number;
}

/**
 * `q · k / √D` under an encoding, of one head; the softmax and everything after it are left out.
 *
 * @throws {ValueError} for a position that the encoding does not serve.
 */
export async function scoreOf(
  encoding: AnyEncoding,
  { q, k }: Content,
  { query, key, length }: Pair,
  { heads, head, keys }: { readonly heads: number; readonly head: number; readonly keys?: Float32Array },
): Promise<number> {
  const scale = 1 / Math.sqrt(q.length);
  switch (encoding.kind) {
    case 'rotation':
      return scale * turnedDot(encoding, { q, k }, { query, key, length });
    case 'bias': {
      const matrix = await encoding.matrix(heads, 1, key + 1, query);
      return scale * dot(q, k) + matrix[head * (key + 1) + key]!;
    }
    case 'input': {
      const [ofQuery, ofKey] = await rowsOf(encoding, q.length, [query, key]);
      return scale * dot(plus(q, ofQuery!), plus(k, ofKey!));
    }
    case 'attention': {
      const row = (encoding as unknown as ShawLike).rows(1, key + 1, query)[key]!;
      return scale * dot(q, plus(k, Float64Array.from(keys!.subarray(row * k.length, (row + 1) * k.length))));
    }
    case 'none':
      return scale * dot(q, k);
  }
}

/** Encodings inside attention say which row of their table a distance reads. */
interface ShawLike {
  rows(Lq: number, Lk: number, offset?: number): Int32Array;
}

/** The dot product of a turned query and key, in float64, from the encoding's own tables. */
function turnedDot(encoding: RotaryEncoding, { q, k }: Content, { query, key, length }: Pair): number {
  const D = q.length;
  const turnedQ = turned(q, encoding.tables(D, [query], { length, side: 'q' }), encoding.layout);
  const turnedK = turned(k, encoding.tables(D, [key], { length, side: 'k' }), encoding.layout);
  return dot(turnedQ, turnedK);
}

function turned(
  x: Float64Array,
  { cos, sin, shape: [, half] }: RotationTables,
  layout: RotaryEncoding['layout'],
): Float64Array {
  const out = x.slice();
  for (let i = 0; i < half; i++) {
    const [a, b] = layout === 'half' ? [i, i + half] : [2 * i, 2 * i + 1];
    out[a] = x[a]! * cos[i]! - x[b]! * sin[i]!;
    out[b] = x[b]! * cos[i]! + x[a]! * sin[i]!;
  }
  return out;
}

export function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function plus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}
