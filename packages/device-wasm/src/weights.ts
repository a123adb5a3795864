import { checkRange, type RowFormat, ValueError } from '@headwise/tensor';
import { Format, Kernel } from '../assembly/kernel-list.ts';
import { type Panels, packedBytes, panelBytes, WasmBuffer } from './buffer.ts';
import type { Kit } from './kit.ts';

const BLOCK = 32;

/** Bytes of rows that are turned at once: they stay in the cache. */
const SLICE = 2 ** 19;

/** All ones in numbers that are not finite. */
const exponents = { f16: 0x7c00, bf16: 0x7f80 } as const;

/** Bytes of one block of 32 numbers in a GGUF file. */
const blockBytes = { Q8_0: 34, Q4_0: 18, Q4_1: 20 } as const;

/**
 * A weight `[O, I]` in fewer bits, as the panels that the kernels read: from the rows of a buffer, rounded as ggml
 * rounds, or from the bytes of a file. What `Device.store` is given has been checked.
 *
 * @throws {ValueError} if a number is NaN, infinite, or too large for the format.
 */
export function storedWeight(
  kit: Kit,
  shape: readonly number[],
  format: RowFormat,
  source: Uint8Array | WasmBuffer,
): WasmBuffer {
  const [O, I] = shape as [number, number];
  const panels: Panels = { G: 1, O, I, transposed: false, format: Format[format] };
  const bytes = packedBytes(panels);
  const { heap } = kit.engine;
  let address: number;
  if (source instanceof Uint8Array) {
    address = kit.temporary(bytes);
    if (format === 'f16' || format === 'bf16') {
      if (!spreadHalves(kit, source, address, format, [O, I])) checkCodes(source, format);
    } else {
      checkCodes(source, format);
      const target = heap.views.u8.subarray(address, address + bytes);
      target.fill(0);
      spreadBlocks(source, target, format, O, I);
    }
  } else {
    const rows = kit.rows({ shape, dtype: 'f32', buffer: source });
    const values = heap.views.f32.subarray(rows / 4, rows / 4 + O * I);
    checkFinite(values);
    checkRange('packWeights', 'weight', values, I, format);
    address = kit.temporary(bytes);
    kit.pack(rows, address, panels);
  }
  kit.keep(address);
  return new WasmBuffer('f32', O * I, address, { kind: 'panels', panels }, bytes);
}

function checkFinite(values: Float32Array): void {
  const bad = values.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) throw new ValueError('packWeights', `weight[${bad}]`, 'must be finite', values[bad]);
}

/** Weights are finite: the kernels read neither NaN nor infinity in 16 bits, nor such scales. */
function checkCodes(bytes: Uint8Array, format: RowFormat): void {
  const halves = format === 'f16' || format === 'bf16';
  const exponent = exponents[format === 'bf16' ? 'bf16' : 'f16'];
  const words = wordsOf(bytes);
  // every 16-bit number, or the scale (and minimum) that a block begins with
  const step = halves ? 1 : blockBytes[format] / 2;
  const codes = format === 'Q4_1' ? 2 : 1;
  for (let code = 0; code < codes; code++) {
    for (let at = code; at < words.length; at += step) {
      if ((words[at]! & exponent) !== exponent) continue;
      const what = halves ? 'number' : `the ${code === 0 ? 'scale' : 'minimum'} of block`;
      throw new ValueError(
        'uploadWeights',
        'bytes',
        `must hold finite numbers; ${what} ${Math.floor(at / step)} is NaN or infinite`,
        `0x${words[at]!.toString(16)}`,
      );
    }
  }
}

/** Views of 16-bit numbers, of a copy where their place in memory is odd. */
function wordsOf(bytes: Uint8Array): Uint16Array {
  const even = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(even.buffer, even.byteOffset, even.byteLength / 2);
}

/**
 * `[O, I]` → panels `[⌈O/8⌉][I][8]`, 2 bytes each: some rows at a time pass through working memory, so that nothing is
 * there twice.
 *
 * @returns whether all numbers are finite
 */
function spreadHalves(
  kit: Kit,
  bytes: Uint8Array,
  address: number,
  format: 'f16' | 'bf16',
  [O, I]: readonly [number, number],
): boolean {
  const { heap } = kit.engine;
  const perRow = 2 * I;
  const most = Math.min(O, 8 * Math.max(1, Math.floor(SLICE / (8 * perRow))));
  const slice = kit.temporary(most * perRow);
  const flag = kit.flag();
  heap.views.i32[flag / 4] = 0;
  for (let first = 0; first < O; first += most) {
    const rows = Math.min(most, O - first);
    heap.views.u8.set(bytes.subarray(first * perRow, (first + rows) * perRow), slice);
    kit.launch({
      kernel: Kernel.spread,
      args: [slice, address + first * perRow, rows, I, exponents[format], flag],
      tasks: Math.ceil(rows / 8),
      cost: (rows * I) / 4,
    });
  }
  return heap.views.i32[flag / 4] === 0;
}

/** `[O, I / 32]` blocks → panels of blocks; layouts in assembly/format.ts. */
function spreadBlocks(
  bytes: Uint8Array,
  target: Uint8Array,
  format: 'Q8_0' | 'Q4_0' | 'Q4_1',
  O: number,
  I: number,
): void {
  const perRow = I / BLOCK;
  const size = blockBytes[format];
  const header = format === 'Q4_1' ? 4 : 2;
  const step = panelBytes(Format[format], BLOCK);
  for (let o = 0; o < O; o++) {
    for (let n = 0; n < perRow; n++) {
      const from = (o * perRow + n) * size;
      const block = (Math.floor(o / 8) * perRow + n) * step;
      const row = o & 7;
      for (let h = 0; h < header; h++) target[block + (h >> 1) * 16 + row * 2 + (h & 1)] = bytes[from + h]!;
      const quants = block + header * 8;
      for (let k = 0; k < BLOCK; k++) {
        if (format === 'Q8_0') {
          // kept with 128 added
          target[quants + (k >> 2) * 32 + row * 4 + (k & 1) * 2 + ((k >> 1) & 1)] =
            bytes[from + header + k]! ^ 128;
          continue;
        }
        // ggml keeps number k in the low half of byte k, number k + 16 in its high half
        const byte = bytes[from + header + (k & 15)]!;
        const q = k < 16 ? byte & 15 : byte >> 4;
        const cell = quants + (k >> 3) * 32 + row * 4 + (k & 1) * 2 + ((k >> 2) & 1);
        target[cell] = k & 2 ? target[cell]! | (q << 4) : q;
      }
    }
  }
}
