import { checkRange, type RowFormat, ValueError } from '@headwise/tensor';
import { Format } from '../assembly/kernel-list.ts';
import { type Panels, packedBytes, WasmBuffer } from './buffer.ts';
import type { WasmIntake } from './intake.ts';
import type { Kit } from './kit.ts';

/**
 * A weight `[O, I]` in fewer bits, as the panels that the kernels read, from the rows of a buffer, rounded as ggml rounds.
 * What `Device.store` is given has been checked.
 *
 * @throws {ValueError} if a number is NaN, infinite, or too large for the format.
 */
export function storedWeight(
  kit: Kit,
  shape: readonly number[],
  format: RowFormat,
  buffer: WasmBuffer,
): WasmBuffer {
  const [O, I] = shape as [number, number];
  const panels: Panels = { G: 1, O, I, transposed: false, format: Format[format] };
  const bytes = packedBytes(panels);
  const rows = kit.rows({ shape, dtype: 'f32', buffer });
  const { f32 } = kit.engine.heap.views;
  const values = f32.subarray(rows / 4, rows / 4 + O * I);
  checkFinite(values);
  checkRange('packWeights', 'weight', values, I, format);
  const address = kit.temporary(bytes);
  kit.pack(rows, address, panels);
  kit.keep(address);
  return new WasmBuffer('f32', O * I, address, { kind: 'panels', panels }, bytes);
}

/**
 * The same from the bytes of a file: some rows at a time pass through working memory, so that nothing is there twice.
 * @throws {ValueError} if a number, or the scale of a block, is NaN or infinite.
 */
export function filled(intake: WasmIntake, bytes: Uint8Array): WasmBuffer {
  try {
    let at = 0;
    for (let piece = intake.next(); piece; piece = intake.next()) {
      piece.set(bytes.subarray(at, at + piece.length));
      at += piece.length;
      intake.took();
    }
    return intake.finish();
  } catch (error) {
    intake.cancel();
    throw error;
  }
}

function checkFinite(values: Float32Array): void {
  const bad = values.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) throw new ValueError('packWeights', `weight[${bad}]`, 'must be finite', values[bad]);
}
