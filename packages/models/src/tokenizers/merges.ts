/**
 * Byte-pair encoding of one word: again and again the two neighbours of the lowest rank become one piece, the leftmost
 * of equals first. `O(n log n)`. Never throws.
 *
 * @param start pieces to begin with: characters, or bytes
 * @param rankOf of two neighbours; undefined where they make no piece
 * @see Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", algorithm 1
 */
export function mergeNeighbours(
  start: readonly string[],
  rankOf: (left: string, right: string) => number | undefined,
): string[] {
  const pieces: (string | undefined)[] = [...start];
  const next = start.map((_, i) => i + 1);
  const previous = start.map((_, i) => i - 1);
  const queue = new Queue();
  const offer = (at: number): void => {
    const right = next[at];
    if (at < 0 || right === undefined || right >= pieces.length) return;
    const rank = rankOf(pieces[at]!, pieces[right]!);
    // the pieces are noted, to know later whether they still stand there
    if (rank !== undefined) queue.push({ rank, at, left: pieces[at]!, right: pieces[right]! });
  };
  for (let i = 0; i < pieces.length - 1; i++) offer(i);
  for (let best = queue.pop(); best; best = queue.pop()) {
    const { at, left, right } = best;
    const gone = next[at]!;
    if (pieces[at] !== left || pieces[gone] !== right) continue;
    pieces[at] = left + right;
    pieces[gone] = undefined;
    next[at] = next[gone]!;
    if (next[at]! < pieces.length) previous[next[at]!] = at;
    offer(previous[at]!);
    offer(at);
  }
  return pieces.filter((piece) => piece !== undefined);
}

interface Candidate {
  readonly rank: number;
  readonly at: number;
  readonly left: string;
  readonly right: string;
}

/** A binary heap: the lowest rank first, then the leftmost. */
class Queue {
  readonly #heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const heap = this.#heap;
    let at = heap.push(candidate) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(candidate, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = candidate;
  }

  pop(): Candidate | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: Candidate, b: Candidate): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.at < b.at);
}
