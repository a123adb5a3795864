/**
 * Writes the register-blocked micro-kernels as AssemblyScript text: the language cannot unroll, and twelve
 * accumulators have to be twelve variables to stay in registers.
 *
 * One micro-kernel computes a `rows × 8` tile `c (+)= a · b` over `depth` steps. `b` is a panel: 8 numbers a step,
 * contiguous. With few rows the depth is dealt out to several sets of accumulators, so that no addition waits for
 * the one before it.
 *
 * How many rows is a matter of V8's registers, 15 on x64. Fused multiply-add: 12 accumulators, 2 of b, 1 of a make 6
 * rows and 98 % of the peak. Multiply and add need one more for the product: 4 rows are fastest on Node 20 (41
 * GFLOP/s where 6 rows give 29) and within 7 % of the best on Node 24. A loop body of a single step beats an unrolled
 * one everywhere: the register allocator then keeps the accumulators where they are.
 */

/** Sets of accumulators by number of rows. */
const SETS = { 1: 4, 2: 2, 3: 2, 4: 1, 5: 1, 6: 1 };

const list = (n, line) => Array.from({ length: n }, (_, i) => line(i));

/** @returns {string} `export function <name>(a, b, c, depth, ldc, load)` */
function tile({ name, rows, aOffset, aStep }) {
  const sets = SETS[rows];
  const acc = (row, vector, set) => `c${row}${vector}${set}`;
  const every = (line) =>
    list(rows, (row) => list(2, (vector) => list(sets, (set) => line(row, vector, set)))).flat(2);

  const step = (u) => [
    `{ const b0 = v128.load(b, ${u * 32}), b1 = v128.load(b, ${u * 32 + 16});`,
    ...list(rows, (row) => {
      const set = u % sets;
      const [low, high] = [acc(row, 0, set), acc(row, 1, set)];
      return `  { const x = v128.load32_splat(a, ${aOffset(row, u)}); ${low} = madd(x, b0, ${low}); ${high} = madd(x, b1, ${high}); }`;
    }),
    '}',
  ];
  const folded = list(rows, (row) =>
    list(2, (vector) => {
      const others = list(sets - 1, (set) => acc(row, vector, set + 1));
      const into = acc(row, vector, 0);
      if (others.length === 0) return '';
      if (others.length === 1) return `${into} = f32x4.add(${into}, ${others[0]});`;
      return `${into} = f32x4.add(f32x4.add(${into}, ${others[0]}), f32x4.add(${others[1]}, ${others[2]}));`;
    }),
  ).flat();
  const perRow = (line) => list(rows, (row) => list(2, (vector) => line(row, vector))).flat();
  const at = (row) => (row === 0 ? 'c' : `c + ${row} * ldc`);

  return [
    `export function ${name}(a: usize, b: usize, c: usize, depth: i32, ldc: usize, load: bool): void {`,
    ...every((row, vector, set) => `let ${acc(row, vector, set)} = f32x4.splat(0);`),
    `for (let k = depth >> ${Math.log2(sets)}; k > 0; k--) {`,
    ...list(sets, step).flat(),
    `a += ${aStep * sets}; b += ${32 * sets}; }`,
    ...(sets > 1
      ? [`for (let k = depth & ${sets - 1}; k > 0; k--) {`, ...step(0), `a += ${aStep}; b += 32; }`]
      : []),
    ...folded,
    'if (load) {',
    ...perRow(
      (row, vector) =>
        `${acc(row, vector, 0)} = f32x4.add(${acc(row, vector, 0)}, v128.load(${at(row)}, ${vector * 16}));`,
    ),
    '}',
    ...perRow((row, vector) => `v128.store(${at(row)}, ${acc(row, vector, 0)}, ${vector * 16});`),
    '}',
  ].join('\n');
}

/** @returns {string} the AssemblyScript module `./micro`, with `rows` rows in the largest tile */
export function microKernels({ tileKeys, rows }) {
  const packed = list(rows, (n) =>
    tile({
      name: `tile${n + 1}`,
      rows: n + 1,
      aOffset: (row, u) => (u * (n + 1) + row) * 4,
      aStep: (n + 1) * 4,
    }),
  );
  const strided = tile({
    name: 'tileStrided',
    rows,
    aOffset: (row, u) => row * tileKeys * 4 + u * 4,
    aStep: 4,
  });
  const choices = list(rows - 1, (n) => `case ${n + 1}: return tile${n + 1}(a, b, c, depth, ldc, load);`);
  return [
    `import { madd } from './vector';`,
    '/** Rows of the largest tile. */',
    `export const ROWS: i32 = ${rows};`,
    ...packed,
    strided,
    'export function multiplyTile(rows: i32, a: usize, b: usize, c: usize, depth: i32, ldc: usize, load: bool): void {',
    'switch (rows) {',
    ...choices,
    `default: return tile${rows}(a, b, c, depth, ldc, load);`,
    '} }',
  ].join('\n');
}
