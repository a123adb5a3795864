/** The row of a file that is row `r` of `rows`. */
export type RowOrder = (r: number, rows: number) => number;

/**
 * Numbers `(2i, 2i + 1)` of a head turn together in the file (llama.cpp, llama2.c), `(i, i + D/2)` in Hugging Face's: the
 * same turning, with the rows of the projection in another order. Never throws.
 */
export function halvesOfPairs(heads: number): RowOrder {
  return (r, rows) => {
    const D = rows / heads;
    const place = r % D;
    return r - place + (place % (D / 2)) * 2 + Math.floor(place / (D / 2));
  };
}

/** Queries, keys and values of all heads one after the other in the file, head by head in Hugging Face's. Never throws. */
export function headByHead(heads: number): RowOrder {
  return (r, rows) => {
    const D = rows / (3 * heads);
    const head = Math.floor(r / (3 * D));
    const which = Math.floor(r / D) % 3;
    return (which * heads + head) * D + (r % D);
  };
}

/**
 * Queries of all heads, then keys, then values in the file; in Hugging Face's group by group, each the queries of its heads,
 * their key and their value. Never throws.
 */
export function groupByGroup(H: number, Hkv: number): RowOrder {
  return (r, rows) => {
    const each = H / Hkv;
    const D = rows / (H + 2 * Hkv);
    const [head, place] = [Math.floor(r / D), r % D];
    const [group, inGroup] = [Math.floor(head / (each + 2)), head % (each + 2)];
    const from = inGroup < each ? group * each + inGroup : H + (inGroup - each) * Hkv + group;
    return from * D + place;
  };
}

/** Whole rows in another order; as they are where the heads do not divide them, which the shape says later. Never throws. */
export function reordered(bytes: Uint8Array, rows: number, order: RowOrder): Uint8Array {
  const size = bytes.length / rows;
  const sorted = new Uint8Array(bytes.length);
  for (let r = 0; r < rows; r++) {
    const from = order(r, rows) * size;
    if (!Number.isInteger(from)) return bytes;
    sorted.set(bytes.subarray(from, from + size), r * size);
  }
  return sorted;
}
