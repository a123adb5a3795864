import { at, int, ptr } from './job';
import { largest } from './rowwise';

/**
 * Index of the largest number of a row, the first on ties; of the first NaN, if there is one. One row a task.
 *
 * ```text
 * arguments  0 x, 1 y, 2 E
 * ```
 */
export function argmaxTask(row: i32): void {
  const E = int(2), x = at(ptr(0), row * E);
  const top = largest(x, E);
  let best = 0;
  if (top === top) while (load<f32>(at(x, best)) !== top) best++;
  else while (isNumber(load<f32>(at(x, best)))) best++;
  store<i32>(at(ptr(1), row), best);
}

// @ts-ignore: decorator
@inline function isNumber(x: f32): bool {
  return x === x;
}

/**
 * The k best of a row in order (NaN above every number, the lower index on ties), by a heap whose root is the worst of them. One row a task.
 *
 * ```text
 * arguments  0 x, 1 values, 2 indices, 3 E, 4 k, 5 largest first
 * ```
 */
export function topKTask(row: i32): void {
  const E = int(3), k = int(4), largest = int(5) !== 0;
  const x = at(ptr(0), row * E), values = at(ptr(1), row * k), indices = at(ptr(2), row * k);
  for (let n = 0; n < k; n++) put(values, indices, n, load<f32>(at(x, n)), n);
  for (let n = (k >> 1) - 1; n >= 0; n--) sink(values, indices, n, k);
  for (let e = k; e < E; e++) {
    const value = load<f32>(at(x, e)), worst = load<f32>(values);
    if (largest ? value < worst : value > worst) continue;
    if (better(value, e, worst, load<i32>(indices))) {
      put(values, indices, 0, value, e);
      sink(values, indices, 0, k);
    }
  }
  for (let size = k - 1; size > 0; size--) {
    const value = load<f32>(values), index = load<i32>(indices);
    put(values, indices, 0, load<f32>(at(values, size)), load<i32>(at(indices, size)));
    put(values, indices, size, value, index);
    sink(values, indices, 0, size);
  }
}

function better(a: f32, i: i32, b: f32, j: i32): bool {
  const largest = int(5) !== 0;
  if (largest ? a > b : a < b) return true;
  if (a === b) return i < j;
  // two numbers are decided by now
  if (!isNumber(a)) return isNumber(b) ? largest : i < j;
  return !isNumber(b) && !largest;
}

function put(values: usize, indices: usize, n: i32, value: f32, index: i32): void {
  store<f32>(at(values, n), value);
  store<i32>(at(indices, n), index);
}

function sink(values: usize, indices: usize, from: i32, size: i32): void {
  const value = load<f32>(at(values, from)), index = load<i32>(at(indices, from));
  let n = from;
  for (;;) {
    let child = 2 * n + 1;
    if (child >= size) break;
    const right = child + 1;
    if (right < size && better(load<f32>(at(values, child)), load<i32>(at(indices, child)), load<f32>(at(values, right)), load<i32>(at(indices, right)))) child = right;
    if (!better(value, index, load<f32>(at(values, child)), load<i32>(at(indices, child)))) break;
    put(values, indices, n, load<f32>(at(values, child)), load<i32>(at(indices, child)));
    n = child;
  }
  put(values, indices, n, value, index);
}
