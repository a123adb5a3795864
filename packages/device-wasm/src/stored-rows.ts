import {
  checkRange,
  DeviceError,
  type HostData,
  type OpCall,
  type RowFormat,
  slotRuns,
} from '@headwise/tensor';
import { Format, Kernel } from '../assembly/kernel-list.ts';
import type { WasmBuffer } from './buffer.ts';
import type { Kit } from './kit.ts';

/**
 * A write that begins or ends in rows kept in fewer bits: f32 is rounded, stored rows of the same form are copied as
 * they are, others are written out. The range of elements is checked before.
 *
 * @throws {DeviceError} if a target in fewer bits is not written in whole rows.
 * @throws {ValueError} if a finite number is one that the format cannot hold; nothing is written then.
 */
export function writeRows(
  kit: Kit,
  to: WasmBuffer,
  offset: number,
  source: HostData | WasmBuffer,
  sourceOffset: number,
  length: number,
): void {
  const { heap } = kit.engine;
  if (to.stored) checkWhole(to.stored.width, offset, length);
  if (length === 0) return;
  if (ArrayBuffer.isView(source)) {
    const { width, format } = to.stored!;
    const values = source.subarray(sourceOffset, sourceOffset + length);
    checkRange('write', 'source', values, width, Format[format] as RowFormat);
    const from = kit.temporary(length * 4);
    heap.views.f32.set(values, from / 4);
    kit.storeRows(from, to, offset / width, length / width);
    return;
  }
  if (to.stored && source.stored && alike(to, source) && sourceOffset % to.stored.width === 0) {
    const { width, bytes } = to.stored;
    const first = source.address + (sourceOffset / width) * bytes;
    heap.views.u8.copyWithin(to.address + (offset / width) * bytes, first, first + (length / width) * bytes);
    to.stored.odd ||= source.stored.odd;
    return;
  }
  const from = f32At(kit, source, sourceOffset, length);
  if (to.stored) {
    checkHeld(kit, to, from, length);
    kit.storeRows(from, to, offset / to.stored.width, length / to.stored.width);
    return;
  }
  kit.rowsOnly(to);
  const { f32, i32 } = heap.views;
  (to.dtype === 'i32' ? i32 : f32).set(f32.subarray(from / 4, from / 4 + length), to.address / 4 + offset);
}

/**
 * Rows to their slots: a copy of bytes where both are kept alike, else rounded.
 * @throws {ValueError} if a finite number is one that the format cannot hold; nothing is written then.
 */
export function storeRows(kit: Kit, { inputs }: OpCall): readonly WasmBuffer[] {
  const { heap } = kit.engine;
  const to = inputs.target!.buffer as WasmBuffer;
  const from = inputs.rows!.buffer as WasmBuffer;
  const B = inputs.target!.shape[0]!;
  const S = inputs.target!.shape[1]!;
  if (from.length === 0) return [];
  const width = from.length / (B * inputs.rows!.shape[1]!);
  if (kit.engine.recorder && !to.stored && !from.stored) return placeRows(kit, inputs, width);
  kit.onHost('rows are rounded on the host');
  const runs = slotRuns(heap.views.i32, kit.rows(inputs.slots) / 4, inputs.slots!.shape, B, S);
  if (runs.length === 0) return [];
  // all that may be refused comes before the first row
  if (to.stored) checkWhole(to.stored.width, 0, width);
  if (to.stored && !alike(to, from)) {
    const source = kit.rows(inputs.rows);
    const perRow = width / to.stored.width;
    kit.flag();
    for (const run of runs) checkHeld(kit, to, source + run.from * width * 4, run.count * width);
    for (const run of runs)
      kit.storeRows(source + run.from * width * 4, to, run.to * perRow, run.count * perRow);
    return [];
  }
  const source = to.stored ? from.address : kit.rows(inputs.rows);
  kit.rowsOnly(to);
  if (to.stored && from.stored) to.stored.odd ||= from.stored.odd;
  const bytes = to.stored ? (width / to.stored.width) * to.stored.bytes : width * 4;
  const { u8 } = heap.views;
  for (const run of runs) {
    const start = source + run.from * bytes;
    u8.copyWithin(to.address + run.to * bytes, start, start + run.count * bytes);
  }
  return [];
}

/** The same by a kernel, which reads the slots in memory. */
function placeRows(
  kit: Kit,
  { target, rows, slots }: OpCall['inputs'],
  width: number,
): readonly WasmBuffer[] {
  const [B, S] = target!.shape as [number, number];
  const L = rows!.shape[1]!;
  kit.rowsOnly(target!.buffer as WasmBuffer);
  const perSequence = slots!.shape[0] === 1 ? 0 : L;
  const args = [
    kit.rows(rows),
    (target!.buffer as WasmBuffer).address,
    kit.rows(slots),
    L,
    S,
    width,
    perSequence,
  ];
  kit.launch({ kernel: Kernel.placeRows, args, tasks: B, cost: (B * L * width) / 4 });
  return [];
}

/** Address of some elements of a buffer as f32. */
function f32At(kit: Kit, source: WasmBuffer, first: number, length: number): number {
  const { heap } = kit.engine;
  if (source.stored) {
    const { width } = source.stored;
    const row = Math.floor(first / width);
    const rows = Math.ceil((first + length) / width) - row;
    const target = kit.temporary(rows * width * 4);
    kit.loadRows(source, row, rows, target);
    return target + (first - row * width) * 4;
  }
  const start = kit.rowsOf(source) / 4 + first;
  if (source.dtype === 'f32') return start * 4;
  const target = kit.temporary(length * 4);
  heap.views.f32.set(heap.views.i32.subarray(start, start + length), target / 4);
  return target;
}

/** Looks at f32 on the device before any of it is rounded: what the format cannot hold would become infinite. */
function checkHeld(kit: Kit, to: WasmBuffer, address: number, length: number): void {
  const { width, format } = to.stored!;
  const values = kit.engine.heap.views.f32.subarray(address / 4, address / 4 + length);
  checkRange('write', 'source', values, width, Format[format] as RowFormat);
}

function alike(a: WasmBuffer, b: WasmBuffer): boolean {
  return a.stored?.width === b.stored?.width && a.stored?.format === b.stored?.format;
}

function checkWhole(width: number, offset: number, length: number): void {
  if (width === 0 || (offset % width === 0 && length % width === 0)) return;
  throw new DeviceError(
    'wasm',
    `write puts ${length} elements at ${offset} of rows of ${width} that are kept in fewer bits`,
    ['numbers of a row share a scale'],
    `Write whole rows of ${width}.`,
  );
}
