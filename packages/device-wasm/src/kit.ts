import { DeviceError, type Operand, type OutputSpec, sizeOf } from '@headwise/tensor';
import { Format, Kernel } from '../assembly/kernel-list.ts';
import { type Layout, type Panels, packedBytes, panelBytes, WasmBuffer } from './buffer.ts';
import type { Engine } from './engine.ts';
import type { Job } from './job.ts';

/** A weight as the matrix product reads it. */
export interface PackedWeight {
  readonly address: number;
  readonly format: Format;
  /** Bytes from matrix to matrix. */
  readonly batchBytes: number;
}

type Geometry = Omit<Panels, 'format'>;

/** What the operations of the device are written with: addresses, new buffers, launches. */
export class Kit {
  readonly engine: Engine;
  #temporary: number[] | undefined;
  #outputs: number[] | undefined;
  #flag: number | undefined;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  launch(job: Job): void {
    this.engine.launch(job);
  }

  /** Says that this operation computes or decides something on the host: its jobs alone do not do it again. */
  onHost(what: string): void {
    this.engine.recorder?.refuse(what);
  }

  /** A new buffer; its content is undefined. It is given back when the operation fails. */
  output({ shape, dtype }: OutputSpec): WasmBuffer {
    const length = sizeOf(shape);
    const address = this.engine.allocate(length * 4);
    (this.#outputs ??= []).push(address);
    return new WasmBuffer(dtype, length, address, undefined, undefined, this.engine.recorder?.arena);
  }

  /** Memory that lasts until the end of the operation. */
  temporary(bytes: number): number {
    const address = this.engine.allocate(bytes);
    (this.#temporary ??= []).push(address);
    return address;
  }

  /** Takes memory out of what ends with the operation: a buffer lives there now. */
  keep(address: number): void {
    this.#temporary!.splice(this.#temporary!.lastIndexOf(address), 1);
    this.engine.recorder?.arena.disown(address);
    this.onHost('a weight is packed');
  }

  /** Frees what `temporary` gave, and the results too when the operation has failed. */
  end(failed = false): void {
    if (this.engine.lost) return;
    if (this.#temporary) for (const address of this.#temporary) this.engine.release(address);
    if (failed && this.#outputs) for (const address of this.#outputs) this.engine.release(address);
    this.#temporary = undefined;
    this.#outputs = undefined;
    this.#flag = undefined;
  }

  /** Address of the elements of an argument, row by row; 0 for an absent one. */
  rows(operand: Operand | undefined): number {
    if (!operand) return 0;
    const buffer = operand.buffer as WasmBuffer;
    return buffer.stored ? this.writtenOut(buffer) : this.rowsOf(buffer);
  }

  /** The same of a buffer that holds 32 bits a number. */
  rowsOf(buffer: WasmBuffer): number {
    if (buffer.panels) this.#layRows(buffer);
    return buffer.address;
  }

  /** Rows that are kept in fewer bits as f32, until the end of the operation. */
  writtenOut(buffer: WasmBuffer): number {
    const { width } = buffer.stored!;
    const target = this.temporary(buffer.length * 4);
    this.loadRows(buffer, 0, buffer.length / Math.max(1, width), target);
    return target;
  }

  /** Writes stored rows from `first` on to `target` as f32. */
  loadRows(buffer: WasmBuffer, first: number, rows: number, target: number): void {
    const { width, format, bytes, odd } = buffer.stored!;
    const each = rowsOfTask(width);
    this.launch({
      kernel: Kernel.loadRows,
      args: [buffer.address + first * bytes, target, rows, width, format, each, bytes, odd ? 1 : 0],
      tasks: Math.ceil(rows / each),
      cost: rows * width,
      scratch: (width + 32) * 4,
    });
  }

  /** A word for kernels that report something, of this operation. */
  flag(): number {
    this.onHost('a kernel reports to the host');
    return (this.#flag ??= this.temporary(4));
  }

  /** Rounds rows of f32 at `source` into stored rows from `first` on. */
  storeRows(source: number, buffer: WasmBuffer, first: number, rows: number): void {
    const stored = buffer.stored!;
    const { width, format, bytes } = stored;
    const flag = this.flag();
    this.engine.heap.views.i32[flag / 4] = 0;
    const each = rowsOfTask(width);
    this.launch({
      kernel: Kernel.storeRows,
      args: [source, buffer.address + first * bytes, rows, width, format, each, bytes, flag],
      tasks: Math.ceil(rows / each),
      cost: rows * width * 4,
    });
    if (this.engine.heap.views.i32[flag / 4] !== 0) stored.odd = true;
  }

  /** Address, panels and all, for an operation that reads both. */
  either(operand: Operand): WasmBuffer {
    return operand.buffer as WasmBuffer;
  }

  /**
   * The panels of a weight. A constant is packed once, in place of its rows, or beside them when they are read too;
   * anything else is packed for this call.
   *
   * @param besides what the operation reads row by row
   * @throws {DeviceError} if it was stored in fewer bits for another shape.
   */
  weight(operand: Operand, geometry: Geometry, besides: readonly (Operand | undefined)[]): PackedWeight {
    const buffer = operand.buffer as WasmBuffer;
    const wanted = oneMatrix(geometry);
    const alone = besides.every((other) => other?.buffer !== buffer);
    if (alone && buffer.panels && same(buffer.panels, wanted))
      return packed(buffer.address, geometry, buffer.panels.format);
    if (!buffer.stored) this.rowsOf(buffer);
    const kept = buffer.packs.find(({ panels }) => same(panels, wanted));
    if (kept) return packed(kept.address, geometry, Format.f32);
    const panels = { ...wanted, format: Format.f32 };
    const bytes = packedBytes(panels);
    const address = this.temporary(bytes);
    this.pack(this.rows(operand), address, panels);
    if (buffer.layout.kind === 'constant') {
      const { packs } = buffer.layout;
      if (alone && packs.length === 0) this.#moveTo(buffer, address, { kind: 'panels', panels });
      else {
        this.keep(address);
        buffer.layout = { kind: 'constant', packs: [...packs, { address, panels }] };
      }
    }
    return packed(address, geometry, Format.f32);
  }

  pack(source: number, target: number, { G, O, I, transposed, format }: Panels): void {
    const tasks = G * Math.ceil(O / 8);
    const args = [source, target, O, I, transposed ? 1 : 0, format];
    this.launch({ kernel: Kernel.panelPack, args, tasks, cost: G * O * I });
  }

  /**
   * Leaves a buffer nothing but its rows, because they are about to be written.
   *
   * @throws {DeviceError} if it is a weight stored in fewer bits.
   */
  rowsOnly(buffer: WasmBuffer): void {
    if (buffer.panels) this.#layRows(buffer);
    for (const { address } of buffer.packs) this.engine.heap.free(address);
    if (buffer.packs.length > 0) this.onHost('panels of a weight are dropped');
    if (!buffer.stored) buffer.layout = { kind: 'rows' };
  }

  /**
   * Rows beside the panels of a constant: who reads it both ways does so at every step.
   *
   * @throws {DeviceError} if it is stored in fewer bits.
   */
  #layRows(buffer: WasmBuffer): void {
    const panels = buffer.panels!;
    if (panels.format !== Format.f32) {
      throw new DeviceError(
        'wasm',
        `a weight stored as ${Format[panels.format]} for [${panels.O}, ${panels.I}] can be used in linear, gather, data() and expertLinear (with 8, 16, … rows an expert) only`,
        [],
        'Keep an f32 tensor for other operations.',
      );
    }
    const address = this.temporary(buffer.length * 4);
    this.unpackInto(buffer, address);
    this.keep(address);
    buffer.layout = { kind: 'constant', packs: [{ address: buffer.address, panels }] };
    buffer.address = address;
  }

  /** Puts a buffer where its numbers have been written to. */
  #moveTo(buffer: WasmBuffer, address: number, layout: Layout): void {
    this.keep(address);
    this.engine.heap.free(buffer.address);
    buffer.address = address;
    buffer.layout = layout;
  }

  /** Writes the rows of a packed weight to `target`. */
  unpackInto(buffer: WasmBuffer, target: number): void {
    const { G, O, I, transposed, format } = buffer.panels!;
    const args = [buffer.address, target, O, I, transposed ? 1 : 0, format];
    this.launch({ kernel: Kernel.panelUnpack, args, tasks: G * Math.ceil(O / 8), cost: G * O * I * 2 });
  }
}

/** Rows of one task: some thousand numbers. */
function rowsOfTask(width: number): number {
  return Math.max(1, Math.floor(4096 / Math.max(1, width)));
}

function packed(address: number, { O, I }: Geometry, format: Format): PackedWeight {
  return { address, format, batchBytes: Math.ceil(O / 8) * panelBytes(format, I) };
}

/** Matrices of whole panels lie one after the other as the panels of one: the weights of heads, and of their product. */
function oneMatrix({ G, O, I, transposed }: Geometry): Geometry {
  return !transposed && O % 8 === 0 ? { G: 1, O: G * O, I, transposed } : { G, O, I, transposed };
}

function same(a: Geometry, b: Geometry): boolean {
  return a.G === b.G && a.O === b.O && a.I === b.I && a.transposed === b.transposed;
}
