import { above, below, equals, type Rasp, type Sequence } from './language.ts';

/** What programs are put together from: short programs themselves, each of the core alone. */

/** `x` some places to the right; `otherwise` moves in. One head that looks at an earlier place. */
export function shift(l: Rasp, x: Sequence, places: number, otherwise = 0): Sequence {
  return l.kqv(l.move(l.indices(x), places), l.indices(x), x, equals, { otherwise });
}

/** `yes` where the condition is not 0, else `no`. */
export function where(l: Rasp, condition: Sequence, yes: Sequence, no: Sequence): Sequence {
  const [kept, other] = [
    l.seqMap(yes, condition, (x, c) => (c ? x : 0)),
    l.seqMap(no, condition, (x, c) => (c ? 0 : x)),
  ];
  return l.seqMap(kept, other, (x, y) => x + y);
}

/** How many earlier places, its own included, hold something else than 0: an index. */
export function countTrue(l: Rasp, x: Sequence): Sequence {
  return l.width(l.select(x, l.full(x, 0), (key, zero) => key !== zero));
}

/** 1 from the first place on that holds the token. */
export function hasSeen(l: Rasp, x: Sequence, token: number): Sequence {
  return l.kqv(x, l.full(x, token), l.full(x, 1), equals);
}

/** Where each query first stands in `x`: an index, −1 where it has not been seen. */
export function first(l: Rasp, x: Sequence, queries: Sequence): Sequence {
  return l.kqv(x, queries, l.indices(x), equals, { reduction: 'min', otherwise: -1 });
}

/** `x` at places. */
export function at(l: Rasp, x: Sequence, places: Sequence, otherwise = 0): Sequence {
  return l.kqv(l.indices(x), places, x, equals, { otherwise });
}

/**
 * What stands some places after the first occurrence of each query in `keys`: an induction head, two heads one after the
 * other. Where tokens repeat it finds the first of them, which is why copying repeated tokens has no such program.
 */
export function induct(
  l: Rasp,
  keys: Sequence,
  queries: Sequence,
  places: number,
  values: Sequence = keys,
  otherwise = 0,
): Sequence {
  const found = l.kqv(keys, queries, l.indices(keys), equals, { reduction: 'min', otherwise: -2 - places });
  return at(l, values, l.move(found, places), otherwise);
}

/** The most frequent token so far of those that `counted` holds 1 for; of several, the one that stands last. */
export function mode(l: Rasp, x: Sequence, counted: Sequence): Sequence {
  const isCounted = l.select(counted, l.full(x, 1), equals);
  const times = l.width(l.select(x, x, equals));
  const most = l.aggregate(isCounted, times, { reduction: 'max' });
  const often = l.both(l.select(times, most, equals), isCounted);
  return at(l, x, l.aggregate(often, l.indices(x), { reduction: 'max' }));
}

/** The least earlier value above each query. */
export function nextAbove(l: Rasp, x: Sequence, queries: Sequence, otherwise: number): Sequence {
  return l.kqv(x, queries, x, above, { reduction: 'min', otherwise });
}

/** The greatest earlier value below each query. */
export function nextBelow(l: Rasp, x: Sequence, queries: Sequence, otherwise: number): Sequence {
  return l.kqv(x, queries, x, below, { reduction: 'max', otherwise });
}
