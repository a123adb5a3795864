/**
 * How rows of f32 may be stored in fewer bits: 16 bits a number, or the blocks of GGUF, 32 numbers along a row with a
 * scale (Q8_0: 8.5 bits a number, Q4_0: 4.5) or a scale and a minimum (Q4_1: 5). One list for weights and for the
 * rows of caches.
 */
export type RowFormat = 'f16' | 'bf16' | 'Q8_0' | 'Q4_0' | 'Q4_1';

const blockBytes = { Q8_0: 34, Q4_0: 18, Q4_1: 20 } as const;
const BLOCK = 32;

/** Every `RowFormat`. */
export const rowFormats: readonly RowFormat[] = ['f16', 'bf16', 'Q8_0', 'Q4_0', 'Q4_1'];

/** Bytes of one row of `width` numbers; a last block that is not full takes as much as a full one. Never throws. */
export function bytesOfRow(width: number, format: RowFormat): number {
  if (format === 'f16' || format === 'bf16') return 2 * width;
  return Math.ceil(width / BLOCK) * blockBytes[format];
}
