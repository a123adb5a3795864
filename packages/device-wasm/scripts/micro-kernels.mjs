/**
 * Writes the register-blocked micro-kernels as AssemblyScript text: the language cannot unroll, and twelve
 * accumulators have to be twelve variables to stay in registers.
 *
 * One micro-kernel computes a tile `c (+)= a · b` over `depth` steps: some rows of a times one or more panels of b. A
 * panel is 8 numbers a step, contiguous; panels lie `size` bytes apart. Each number of c is one sum, taken step by step
 * and then added to what stands at `base`: c itself, a bias (`ldb` is 0 then, each row has the same) or nothing. So a row has the same bits however many rows are computed with it; few rows take
 * more panels at once instead of more sums, so that no addition waits for the one before it.
 *
 * How many rows is a matter of V8's registers, 15 on x64. Fused multiply-add: 12 accumulators, 2 of b, 1 of a make 6
 * rows and 98 % of the peak. Multiply and add need one more for the product: 4 rows are fastest on Node 20 (41
 * GFLOP/s where 6 rows give 29) and within 7 % of the best on Node 24. A loop body of a single step beats an unrolled
 * one everywhere: the register allocator then keeps the accumulators where they are.
 */

/** Panels that a tile of few rows takes at once. Three rows times two would fill the registers, but V8 spills some. */
const PANELS = { 1: 4, 2: 2 };

const list = (n, line) => Array.from({ length: n }, (_, i) => line(i));

/** @returns {string} `export function <name>(a, b, c, depth, ldc, base, ldb)`, `base` 0 for nothing; with `size, step` before `c` for more panels than one */
function tile({ name, rows, panels = 1, aOffset, aStep }) {
  const more = panels > 1;
  const acc = (row, panel, vector) => `c${row}${panel}${vector}`;
  const every = (line) =>
    list(rows, (row) => list(panels, (panel) => list(2, (vector) => line(row, panel, vector)))).flat(2);
  const place = (start, rowBytes) => (row, panel) => {
    const column = panel === 0 ? start : panel === 1 ? `${start} + step` : `${start} + ${panel} * step`;
    return row === 0 ? column : `${column} + ${row} * ${rowBytes}`;
  };
  const at = place('c', 'ldc');
  const baseAt = place('base', 'ldb');
  const x = (row) => `v128.load32_splat(a, ${aOffset(row)})`;
  // one number of a stays in a register for all panels; more of them would not find any
  const shared = rows === 1 && more;
  const steps = list(panels, (panel) => [
    `{ const p = p0${panel > 0 ? ` + size${panel}` : ''}, b0 = v128.load(p), b1 = v128.load(p, 16);`,
    ...list(rows, (row) => {
      const [low, high] = [acc(row, panel, 0), acc(row, panel, 1)];
      return `{ const x = ${shared ? 'x0' : x(row)}; ${low} = madd(x, b0, ${low}); ${high} = madd(x, b1, ${high}); }`;
    }),
    '}',
  ]).flat();

  return [
    `export function ${name}(a: usize, p0: usize, ${more ? 'size: usize, step: usize, ' : ''}c: usize, depth: i32, ldc: usize, base: usize, ldb: usize): void {`,
    ...list(panels - 1, (n) => `const size${n + 1} = size * ${n + 1};`),
    ...every((...cell) => `let ${acc(...cell)} = f32x4.splat(0);`),
    'if (depth > 0) { const end = p0 + (<usize>depth << 5); do {',
    ...(shared ? [`const x0 = ${x(0)};`] : []),
    ...steps,
    `a += ${aStep}; p0 += 32; } while (p0 !== end); }`,
    'if (base) {',
    ...every(
      (row, panel, vector) =>
        `${acc(row, panel, vector)} = f32x4.add(${acc(row, panel, vector)}, v128.load(${baseAt(row, panel)}, ${vector * 16}));`,
    ),
    '}',
    ...every(
      (row, panel, vector) => `v128.store(${at(row, panel)}, ${acc(row, panel, vector)}, ${vector * 16});`,
    ),
    '}',
  ].join('\n');
}

/**
 * The largest tile for `groups` groups of rows one below the other against one panel: where the depth is small, a call for each
 * tile costs as much as some steps.
 *
 * @returns {string} `export function tiles(a, p0, c, depth, ldc, base, ldb, groups)`, with `depth` above 0
 */
function column(rows) {
  const cells = (line) => list(rows, (row) => list(2, (vector) => line(row, vector))).flat();
  const acc = (row, vector) => `c${row}${vector}`;
  const below = (start, rowBytes) => (row) => (row === 0 ? start : `${start} + ${row} * ${rowBytes}`);
  const [at, baseAt] = [below('c', 'ldc'), below('base', 'ldb')];
  return [
    'export function tiles(a: usize, p0: usize, c: usize, depth: i32, ldc: usize, base: usize, ldb: usize, groups: i32): void {',
    `const end = p0 + (<usize>depth << 5), down = ldc * ${rows}, on = ldb * ${rows};`,
    'for (; groups > 0; groups--) {',
    ...cells((...cell) => `let ${acc(...cell)} = f32x4.splat(0);`),
    'let p = p0; do { const b0 = v128.load(p), b1 = v128.load(p, 16);',
    ...list(
      rows,
      (row) =>
        `{ const x = v128.load32_splat(a, ${row * 4}); ${acc(row, 0)} = madd(x, b0, ${acc(row, 0)}); ${acc(row, 1)} = madd(x, b1, ${acc(row, 1)}); }`,
    ),
    `a += ${rows * 4}; p += 32; } while (p !== end);`,
    'if (base) {',
    ...cells(
      (row, vector) =>
        `${acc(row, vector)} = f32x4.add(${acc(row, vector)}, v128.load(${baseAt(row)}, ${vector * 16}));`,
    ),
    'base += on; }',
    ...cells((row, vector) => `v128.store(${at(row)}, ${acc(row, vector)}, ${vector * 16});`),
    'c += down; } }',
  ].join('\n');
}

/** @returns {string} the AssemblyScript module `./micro`, with `rows` rows in the largest tile */
export function microKernels({ tileKeys, rows }) {
  const packed = (n) => ({ aOffset: (row) => row * 4, aStep: n * 4 });
  const narrow = list(rows, (n) => tile({ name: `tile${n + 1}`, rows: n + 1, ...packed(n + 1) }));
  const few = Object.entries(PANELS).map(([n, panels]) =>
    tile({ name: `wide${n}`, rows: Number(n), panels, ...packed(Number(n)) }),
  );
  const strided = tile({
    name: 'tileStrided',
    rows,
    aOffset: (row) => row * tileKeys * 4,
    aStep: 4,
  });
  const choices = list(
    rows - 1,
    (n) => `case ${n + 1}: return tile${n + 1}(a, b, c, depth, ldc, base, ldb);`,
  );
  const wider = Object.keys(PANELS).map(
    (n) =>
      `${n === Object.keys(PANELS).at(-1) ? 'default' : `case ${n}`}: return wide${n}(a, b, size, step, c, depth, ldc, base, ldb);`,
  );
  const parameters = 'c: usize, depth: i32, ldc: usize, base: usize, ldb: usize';
  return [
    `import { madd } from './vector';`,
    '/** Rows of the largest tile. */',
    `export const ROWS: i32 = ${rows};`,
    '/** Most panels that are taken at once. */',
    `export const WIDE: i32 = ${Math.max(...Object.values(PANELS))};`,
    ...narrow,
    ...few,
    strided,
    column(rows),
    `export function multiplyTile(rows: i32, a: usize, b: usize, ${parameters}): void {`,
    'switch (rows) {',
    ...choices,
    `default: return tile${rows}(a, b, c, depth, ldc, base, ldb);`,
    '} }',
    '/** Panels that `multiplyWide` takes at once, 1 where rows are enough to keep the arithmetic busy. */',
    'export function panelsOf(rows: i32): i32 {',
    `switch (rows) { ${Object.entries(PANELS)
      .map(([n, panels]) => `case ${n}: return ${panels};`)
      .join(' ')} default: return 1; } }`,
    '/** One or two rows times `panelsOf(rows)` panels, `size` bytes apart; their columns lie `step` bytes apart. */',
    `export function multiplyWide(rows: i32, a: usize, b: usize, size: usize, step: usize, ${parameters}): void {`,
    'switch (rows) {',
    ...wider,
    '} }',
  ].join('\n');
}
