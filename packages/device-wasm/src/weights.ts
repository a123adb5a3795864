import { DeviceError, ShapeError, Tensor, ValueError } from '@headwise/tensor';
import { Format } from '../assembly/kernel-list.ts';
import { type Panels, packedBytes, panelBytes, WasmBuffer } from './buffer.ts';
import { WasmDevice } from './device.ts';
import { Kit } from './kit.ts';

/**
 * How weights are stored: 16 bits, or blocks of 32 numbers along a row with a scale (Q8_0: 8.5 bits a number, Q4_0:
 * 4.5, Q4_1 with a minimum: 5), the blocks of GGUF files.
 */
export type StorageFormat = 'f16' | 'bf16' | 'Q8_0' | 'Q4_0' | 'Q4_1';

const BLOCK = 32;
const LARGEST_HALF = 65504;

/** Bytes of one block of 32 numbers in a GGUF file. */
const blockBytes = { f16: 64, bf16: 64, Q8_0: 34, Q4_0: 18, Q4_1: 20 } as const;

/**
 * A weight in fewer bits, made from an f32 tensor of the wasm device, rounded as ggml rounds. `linear` and `gather`
 * take it in place of the original, and compute as if its numbers were written out in f32; `data()` reads these.
 * The original stays the caller's, who may dispose it.
 *
 * @param weight `[O, I]`
 * @throws {DeviceError} if the tensor is on another device.
 * @throws {ShapeError} if it is no matrix, or its rows cannot be cut into blocks of 32.
 * @throws {ValueError} if a number is NaN, infinite, or too large for f16.
 */
export function packWeights(weight: Tensor, format: StorageFormat): Tensor<'O I'> {
  const device = deviceOf(weight);
  const panels = panelsFor('packWeights', weight.shape, format);
  const source = weight.use('packWeights', 'weight') as WasmBuffer;
  const kit = new Kit(device.engine);
  try {
    const rows = kit.rows({ shape: weight.shape, dtype: 'f32', buffer: source });
    checkRange(device.engine.heap.views.f32.subarray(rows / 4, rows / 4 + weight.size), format);
    const address = kit.temporary(packedBytes(panels));
    kit.pack(rows, address, panels);
    kit.keep(address);
    return owned(device, panels, address, weight.shape);
  } finally {
    kit.end();
  }
}

/**
 * A weight straight from a GGUF or safetensors file, without the detour through f32.
 *
 * @param bytes the rows one after the other: `[O, I]` 16-bit numbers, or `[O, I / 32]` blocks as in GGUF
 * @throws {DeviceError} if the device is not the wasm device.
 * @throws {ShapeError} if the bytes do not fill the shape.
 */
export function uploadWeights(
  device: unknown,
  bytes: Uint8Array,
  format: StorageFormat,
  shape: readonly [O: number, I: number],
): Tensor<'O I'> {
  if (!(device instanceof WasmDevice)) throw notOurs('uploadWeights');
  const panels = panelsFor('uploadWeights', shape, format);
  const [O, I] = shape;
  const wanted = (O * I * blockBytes[format]) / BLOCK;
  if (bytes.length !== wanted) {
    throw new ShapeError(
      'uploadWeights',
      `${bytes.length} bytes do not fill [${O}, ${I}] in ${format}, which takes ${wanted}`,
      [],
    );
  }
  const address = device.engine.heap.allocate(packedBytes(panels));
  const target = device.engine.heap.views.u8.subarray(address, address + packedBytes(panels));
  target.fill(0);
  if (format === 'f16' || format === 'bf16') spreadHalves(bytes, target, O, I);
  else spreadBlocks(bytes, target, format, O, I);
  return owned(device, panels, address, shape);
}

function owned(device: WasmDevice, panels: Panels, address: number, shape: readonly number[]): Tensor<'O I'> {
  const buffer = new WasmBuffer('f32', panels.O * panels.I, address, { counted: packedBytes(panels) });
  buffer.panels = panels;
  return new Tensor<'O I'>(device, device.own(buffer), shape);
}

function deviceOf(weight: Tensor): WasmDevice {
  if (weight.device instanceof WasmDevice) return weight.device;
  throw notOurs('packWeights', weight.device.name);
}

function notOurs(op: string, name = 'wasm'): DeviceError {
  return new DeviceError(
    name,
    `${op} needs a device made by createWasm()`,
    [],
    'Make the tensor on a device of @headwise/device-wasm.',
  );
}

function panelsFor(op: string, shape: readonly number[], format: StorageFormat): Panels {
  if (!(format in blockBytes))
    throw new ValueError(op, 'format', `must be one of ${Object.keys(blockBytes).join(', ')}`, format);
  const [O, I] = shape as [number, number];
  const blocks = format.startsWith('Q');
  if (shape.length !== 2 || (blocks && I % BLOCK !== 0)) {
    throw new ShapeError(
      op,
      blocks ? `weight must be [O, I] with I a multiple of ${BLOCK}` : 'weight must be [O, I]',
      [{ name: 'weight', axes: ['O', 'I'], shape }],
    );
  }
  return { G: 1, O, I, transposed: false, format: Format[format] };
}

function checkRange(values: Float32Array, format: StorageFormat): void {
  const largest = format === 'bf16' ? 3.38e38 : format.startsWith('Q') ? LARGEST_HALF * 8 : LARGEST_HALF;
  const bad = values.findIndex((x) => !(Math.abs(x) <= largest));
  if (bad >= 0) {
    throw new ValueError(
      'packWeights',
      `weight[${bad}]`,
      `must be finite and at most ${largest} to be stored as ${format}`,
      values[bad],
    );
  }
}

/** `[O, I]` → panels `[⌈O/8⌉][I][8]`, 2 bytes each. */
function spreadHalves(bytes: Uint8Array, target: Uint8Array, O: number, I: number): void {
  for (let o = 0; o < O; o++) {
    const panel = (o >> 3) * I * 16 + (o & 7) * 2;
    for (let i = 0; i < I; i++) {
      const from = (o * I + i) * 2;
      target[panel + i * 16] = bytes[from]!;
      target[panel + i * 16 + 1] = bytes[from + 1]!;
    }
  }
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
