/** Steps of the table per factor e: `exp(-n · ln 2 / 16)`. */
const STEP = Math.LN2 / 16;

/** Where float32 has reached zero. */
const LAST = 104;

/**
 * `exp(-n · ln 2 / 16)` for n from 0 to where float32 is zero; kernels see it as `this.constants.expTable`.
 */
export const expTable: Float32Array = Float32Array.from({ length: Math.ceil(LAST / STEP) + 1 }, (_, n) =>
  n * STEP > LAST - 1 ? 0 : Math.exp(-n * STEP),
);

/**
 * Statements that declare `name` = exp(x) for x ≤ 0, with names made from `name`.
 *
 * - `native`: `Math.exp`.
 * - `table`: one table entry and a polynomial of degree 3 for the rest (at most ln 2 / 32), relative error below
 *   1.5e-7. ln 2 / 16 is split so that n times its first part is exact in float32 (Cody & Waite 1980, chapter 6).
 *   x > 0 gives 1; NaN gives NaN.
 */
export function expOf(name: string, x: string, how: 'native' | 'table'): string {
  if (how === 'native') return `const ${name} = Math.exp(${x});`;
  const high = 177 / 4096;
  return `const ${name}y = Math.min(Math.max(-(${x}), 0), ${LAST});
    const ${name}n = Math.floor(${name}y * ${1 / STEP} + 0.5);
    const ${name}r = (${name}n * ${high} - ${name}y) + ${name}n * ${STEP - high};
    const ${name} = this.constants.expTable[${name}n] * (1 + ${name}r * (1 + ${name}r * (0.5 + ${name}r * ${1 / 6})));`;
}
