/**
 * Writes the products of rows in 8 bits with blocks of weights as AssemblyScript text (see assembly/integers.ts): so many
 * accumulators have to be so many variables, as in micro-kernels.mjs.
 *
 * Each function goes through K in blocks of 32, and at each block through the streams: the same block of panels `jump`
 * bytes apart, each of which goes front to back through pages of its own, so that memory is fetched while others are
 * multiplied. The sums of a block are whole numbers; then `y += (d of the weight · d of x) · sum`, in two roundings on every
 * machine, so that results have the same bits everywhere.
 */

const list = (n, line) => Array.from({ length: n }, (_, i) => line(i));

/** Bytes before the words of a block. */
const header = { Q8_0: 16, Q4_0: 16, Q4_1: 32 };

/** Rows that one function takes at once, by the instructions and by the bits of a weight: V8 has 15 registers. */
const ROWS = { relaxed: { 8: 2, 4: 4 }, simd128: { 8: 2, 4: 2 } };

/**
 * The words of 8 rows of the weight at `p`, 32 bytes, times numbers of x at `x0 + g`, …: two sums of 4 for each row of x.
 */
const steps = {
  /** Weights with sign are one side; x, cut into what is positive and what is negative, the other, of 7 bits. */
  relaxed8: (rows) => [
    `{ const a = v128.xor(v128.load(p), flip), b = v128.xor(v128.load(p, 16), flip);`,
    ...list(rows, (r) => [
      `{ const u = v128.load32_splat(x${r} + g), v = v128.load32_splat(x${r} + g, 32);`,
      ...['a', 'b'].map(
        (w, half) =>
          `s${r}${half} = i32x4.relaxed_dot_i8x16_i7x16_add_s(${w}, u, s${r}${half}); m${r}${half} = i32x4.relaxed_dot_i8x16_i7x16_add_s(${w}, v, m${r}${half});`,
      ),
      '}',
    ]).flat(),
    '}',
  ],
  /** x is one side, weights of 4 bits without sign the other. */
  relaxed4: (rows) => [
    `{ const a = v128.load(p), b = v128.load(p, 16);`,
    ...[0, 4].flatMap((shift) => [
      `{ const c = v128.and(${shift ? 'i16x8.shr_u(a, 4)' : 'a'}, mask), d = v128.and(${shift ? 'i16x8.shr_u(b, 4)' : 'b'}, mask);`,
      ...list(
        rows,
        (r) =>
          `{ const u = v128.load32_splat(x${r} + g, ${shift}); s${r}0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(u, c, s${r}0); s${r}1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(u, d, s${r}1); }`,
      ),
      '}',
    ]),
    '}',
  ],
  simd128x8: (rows) => pairs(rows, 2, (w, n) => (n ? `i16x8.shr_u(${w}, 8)` : `v128.and(${w}, mask)`)),
  simd128x4: (rows) =>
    pairs(rows, 4, (w, n) => {
      const shifted = n ? `i16x8.shr_u(${w}, ${4 * n})` : w;
      return n === 3 ? shifted : `v128.and(${shifted}, mask)`;
    }),
};

/** Pairs of 16 bits: `count` of them in each word. */
function pairs(rows, count, part) {
  return [
    `{ const a = v128.load(p), b = v128.load(p, 16);`,
    ...list(count, (n) => [
      `{ const c = ${part('a', n)}, d = ${part('b', n)};`,
      ...list(
        rows,
        (r) =>
          `{ const u = v128.load32_splat(x${r} + g, ${4 * n}); s${r}0 = i32x4.add(s${r}0, i32x4.dot_i16x8_s(c, u)); s${r}1 = i32x4.add(s${r}1, i32x4.dot_i16x8_s(d, u)); }`,
      ),
      '}',
    ]).flat(),
    '}',
  ];
}

function kernel(simd, format, rows) {
  const wide = format === 'Q8_0';
  const split = wide && simd === 'relaxed';
  const body = wide
    ? split
      ? steps.relaxed8
      : steps.simd128x8
    : simd === 'relaxed'
      ? steps.relaxed4
      : steps.simd128x4;
  const halves = (line) => list(rows, (r) => [line(r, 0), line(r, 1)]).flat();
  const blockBytes = header[format] + (wide ? 256 : 128);
  // bytes of 32 numbers of x, of one kind; a body of a few steps in a loop is as fast as all of them, and smaller
  const x = simd === 'relaxed' ? 32 : 64;
  const constant = split
    ? 'flip = v128.load32_splat(MASKS)'
    : `mask = v128.load32_splat(MASKS, ${wide ? 4 : simd === 'relaxed' ? 8 : 12})`;
  return [
    `export function ${format}x${rows}(x0: usize, ldx: usize, w: usize, jump: usize, streams: i32, y: usize, step: usize, ldy: usize, K: i32): void {`,
    `const ${constant}, halfMask = halfConstant(0), halfScale = halfConstant(1);`,
    ...list(rows - 1, (r) => `let x${r + 1} = x${r} + ldx;`),
    `for (const last = x0 + (<usize>(K >> 5)) * PREPARED; x0 < last; x0 += PREPARED) {`,
    'let p0 = w, y0 = y;',
    'for (let n = 0; n < streams; n++) {',
    ...list(rows, (r) =>
      format === 'Q4_1' || split
        ? `let s${r}0 = i32x4.splat(0), s${r}1 = s${r}0;`
        : `let s${r}0 = v128.load32_splat(x${r}, 64), s${r}1 = s${r}0;`,
    ),
    ...(split ? list(rows, (r) => `let m${r}0 = i32x4.splat(0), m${r}1 = m${r}0;`) : []),
    `let p = p0 + ${header[format]};`,
    `for (let g: usize = 0; g < ${x}; g += ${x / (wide ? 8 : 4)}) {`,
    ...body(rows),
    'p += 32; }',
    '{ const d0 = fromHalvesWith(v128.load16x4_s(p0), halfMask, halfScale), d1 = fromHalvesWith(v128.load16x4_s(p0, 8), halfMask, halfScale);',
    ...halves((r, half) => {
      const at = `${r === 0 ? 'y0' : r === 1 ? 'y0 + ldy' : `y0 + ${r} * ldy`}, ${16 * half}`;
      const sum = split ? `i32x4.sub(s${r}${half}, m${r}${half})` : `s${r}${half}`;
      const product = `f32x4.mul(f32x4.mul(d${half}, v128.load32_splat(x${r}, 68)), f32x4.convert_i32x4_s(${sum}))`;
      const least = `f32x4.mul(fromHalvesWith(v128.load16x4_s(p0, ${16 + 8 * half}), halfMask, halfScale), v128.load32_splat(x${r}, 72))`;
      const all = format === 'Q4_1' ? `f32x4.add(${product}, ${least})` : product;
      return `v128.store(${at.split(', ')[0]}, f32x4.add(v128.load(${at}), ${all}), ${16 * half});`;
    }),
    '}',
    'p0 += jump; y0 += step; }',
    `w += ${blockBytes};`,
    ...list(rows - 1, (r) => `x${r + 1} += PREPARED;`),
    '} }',
  ].join('\n');
}

/** @returns {string} the AssemblyScript module `./integer-blocks` */
export function integerKernels({ simd }) {
  const formats = Object.keys(header);
  const most = (format) => ROWS[simd][format === 'Q8_0' ? 8 : 4];
  return [
    `import { fromHalvesWith, halfConstant } from './format';`,
    `import { Format } from './kernel-list';`,
    'export const PREPARED: usize = 80;',
    'const MASKS: usize = memory.data<u32>([0x80808080, 0x00ff00ff, 0x0f0f0f0f, 0x000f000f], 16);',
    ...formats.flatMap((format) => [1, most(format)].map((rows) => kernel(simd, format, rows))),
    '/** Rows that `blocks` takes at once, beside one. */',
    `export function rowsAtOnce(format: i32): i32 { return format === Format.Q8_0 ? ${ROWS[simd][8]} : ${ROWS[simd][4]}; }`,
    'export function blocks(many: bool, format: i32, x: usize, ldx: usize, w: usize, jump: usize, streams: i32, y: usize, step: usize, ldy: usize, K: i32): void {',
    'switch (format) {',
    ...formats.map((format, n) => {
      const call = (rows) => `${format}x${rows}(x, ldx, w, jump, streams, y, step, ldy, K)`;
      return `${n === formats.length - 1 ? 'default' : `case Format.${format}`}: return many ? ${call(most(format))} : ${call(1)};`;
    }),
    '} }',
  ].join('\n');
}
