/**
 * The `k`-th largest of `values[0 … size)`, `1 ≤ k ≤ size`, by Hoare's quickselect: `O(size)` on average.
 * `values` is reordered: the `k` largest come first, in no order among themselves.
 */
export function kthLargest(values: Float64Array, size: number, k: number): number {
  let low = 0;
  let high = size - 1;
  const at = k - 1;
  while (low < high) {
    const pivot = middle(values[low]!, values[(low + high) >> 1]!, values[high]!);
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! > pivot) i++;
      while (values[j]! < pivot) j--;
      if (i > j) break;
      const held = values[i]!;
      values[i++] = values[j]!;
      values[j--] = held;
    }
    if (at <= j) high = j;
    else if (at >= i) low = i;
    else return values[at]!;
  }
  return values[at]!;
}

/**
 * Walks the entries in descending order of `keys` (ties: lower index first) and adds up `weights` until the sum
 * reaches `target` (or, with `exceed`, is above it). Returns the index of the entry where that happens; if it
 * never does, of the last entry that has a weight.
 *
 * A weighted quickselect: `O(size)` on average, where sorting would take `O(size · log size)`.
 *
 * @param order scratch, at least `size` long.
 */
export function crossing(
  keys: Float64Array,
  weights: Float64Array,
  size: number,
  target: number,
  exceed: boolean,
  order: Uint32Array,
): number {
  const found = search(keys, weights, size, target, exceed, order);
  return found >= 0 ? found : lastWithWeight(keys, weights, size);
}

function search(
  keys: Float64Array,
  weights: Float64Array,
  size: number,
  target: number,
  exceed: boolean,
  order: Uint32Array,
): number {
  for (let i = 0; i < size; i++) order[i] = i;
  let low = 0;
  let high = size;
  let before = 0;
  while (high - low > 24) {
    const pivot = middle(keys[order[low]!]!, keys[order[(low + high) >> 1]!]!, keys[order[high - 1]!]!);
    const [larger, equal] = partition(keys, order, low, high, pivot);
    let mass = before;
    for (let i = low; i < larger; i++) mass += weights[order[i]!]!;
    if (larger > low && (exceed ? mass > target : mass >= target)) {
      high = larger;
      continue;
    }
    for (let i = larger; i < equal; i++) mass += weights[order[i]!]!;
    if (equal === high || (exceed ? mass > target : mass >= target)) {
      // every remaining weight below the ties is out of reach, or it lies among the ties
      for (let i = low; i < larger; i++) before += weights[order[i]!]!;
      low = larger;
      high = equal;
      order.subarray(low, high).sort();
      return walk(weights, order, low, high, before, target, exceed);
    }
    before = mass;
    low = equal;
  }
  insertionSort(keys, order, low, high);
  return walk(weights, order, low, high, before, target, exceed);
}

function walk(
  weights: Float64Array,
  order: Uint32Array,
  low: number,
  high: number,
  before: number,
  target: number,
  exceed: boolean,
): number {
  let sum = before;
  for (let i = low; i < high; i++) {
    const index = order[i]!;
    sum += weights[index]!;
    if (exceed ? sum > target : sum >= target) return index;
  }
  return -1;
}

/** Where the walk ends when rounding leaves the sum of all weights below the target. */
function lastWithWeight(keys: Float64Array, weights: Float64Array, size: number): number {
  let last = -1;
  for (let i = 0; i < size; i++) if (weights[i]! > 0 && (last < 0 || keys[i]! <= keys[last]!)) last = i;
  return Math.max(last, 0);
}

/** Dutch national flag, descending: `[low, larger)` is above the pivot, `[larger, equal)` equals it. */
function partition(
  keys: Float64Array,
  order: Uint32Array,
  low: number,
  high: number,
  pivot: number,
): readonly [larger: number, equal: number] {
  let larger = low;
  let equal = low;
  let end = high;
  while (equal < end) {
    const index = order[equal]!;
    const key = keys[index]!;
    if (key > pivot) {
      order[equal++] = order[larger]!;
      order[larger++] = index;
    } else if (key < pivot) {
      order[equal] = order[--end]!;
      order[end] = index;
    } else equal++;
  }
  return [larger, equal];
}

function insertionSort(keys: Float64Array, order: Uint32Array, low: number, high: number): void {
  for (let i = low + 1; i < high; i++) {
    const index = order[i]!;
    const key = keys[index]!;
    let j = i - 1;
    while (j >= low && (keys[order[j]!]! < key || (keys[order[j]!]! === key && order[j]! > index))) {
      order[j + 1] = order[j]!;
      j--;
    }
    order[j + 1] = index;
  }
}

function middle(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
