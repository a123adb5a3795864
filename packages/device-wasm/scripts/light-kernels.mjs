/**
 * What the light kernels leave out, so that a page with one variant stays small: those of training and the
 * short convolution (operations that have a composition of others), everything that reads or writes fewer than 32 bits a
 * number, modifiers that a person wrote, and what only recorded steps have. Only sources change, so that what is left has the
 * same bits.
 */

/** Kernels that are not there, by their functions. */
const LEFT_OUT =
  /adam|columnSums|attentionDelta|attentionGradient|normGradient|crossEntropy|storeRowsTask|loadRowsTask|spreadTask|spreadBlocksTask|finiteTask|integerTask|forgetRows|maskTiles|placeRows|shortConvolution/;

/** What is called for what a light device never has: traps, in place of the code. */
const NEVER = {
  'assembly/dequantize.ts': `
export function quantizedRow(x: usize, panel: usize, y: usize, K: i32, format: i32, add: bool): void { unreachable(); }
export function preparedBytes(K: i32): usize { return 0; }
export function prepareFor(format: i32, x: usize, K: i32, target: usize): bool { unreachable(); return false; }
export function dequantizePanel(panel: usize, target: usize, steps: i32, format: i32): void { unreachable(); }
`,
  'assembly/decode-stored.ts': `
export function blockSums(x: usize, count: i32, to: usize): void { unreachable(); }
export function storedScores(format: i32, q: usize, k: usize, token: usize, row: usize, H: i32, D: i32, scores: usize, part: i32, totals: usize): void { unreachable(); }
export function storedSums(format: i32, scores: usize, v: usize, token: usize, row: usize, H: i32, Dv: i32, target: usize, part: i32): void { unreachable(); }
`,
  'assembly/vector-panels.ts': `
export function twoShortPanels(x: usize, panel: usize, size: usize, y: usize, step: usize, K: i32, format: i32, add: bool): void { unreachable(); }
`,
  'assembly/stored.ts': `
export function blockBytes(format: i32): usize { return 0; }
export function storedAt(row: usize, d: i32, format: i32): f32 { unreachable(); return 0; }
export function loadRow(row: usize, target: usize, width: i32, format: i32, odd: bool): void { unreachable(); }
`,
  'assembly/modified.ts': `
export const ALL_SEEN: i32 = 128;
// @ts-ignore: decorator
@inline export function hasScore(): bool { return false; }
// @ts-ignore: decorator
@inline export function hasMask(): bool { return false; }
export function maskHeads(): i32 { return 1; }
export function modify(row: usize, count: i32, positions: usize, q: i32, b: i32, h: i32, factor: f32): void { unreachable(); }
export function ask(to: usize, count: i32, positions: usize, q: i32, b: i32, h: i32): i32 { unreachable(); return 0; }
export function statesOf(b: i32, h: i32, group: i32): usize { unreachable(); return 0; }
`,
  'assembly/format.ts': `
export function panelBytes(format: i32, depth: i32): usize { return (<usize>depth) << 5; }
export function weightAt(panel: usize, format: i32, k: i32, row: i32): f32 { return load<f32>(panel + (((<usize>k) << 3) + <usize>row << 2)); }
export function toHalf(x: f32): u32 { unreachable(); return 0; }
export function toBrain(x: f32): u32 { unreachable(); return 0; }
export function quantizeBlock(source: usize, stride: usize, block: usize, format: i32, row: i32): void { unreachable(); }
`,
};

/**
 * A file of `assembly/` for the light kernels.
 *
 * @param {string} name
 * @param {string} text
 * @returns {string}
 */
export function lightened(name, text) {
  if (Object.hasOwn(NEVER, name)) return NEVER[name];
  if (name !== 'assembly/index.ts') return text;
  const kept = text.split('\n').filter((line) => !LEFT_OUT.test(line));
  // a job of a kernel that is not there must not end as if it were done
  return kept.join('\n').replace(/(case Kernel\.scatterAdd: .*\n)/, '$1    default: unreachable();\n');
}
