import { bytesOfRow, DeviceError, type Intake, type RowFormat, sizeOf, ValueError } from '@headwise/tensor';
import { Format, Kernel } from '../assembly/kernel-list.ts';
import { type Panels, packedBytes, panelBytes, WasmBuffer } from './buffer.ts';
import type { Engine } from './engine.ts';

/** Bytes of a piece: those that become panels stay in the cache until then. */
const PIECE = { rows: 2 ** 20, panels: 2 ** 19 } as const;
/** Pieces that may be out at once: some are read while one is worked on. */
const AHEAD = 3;
/** Numbers that one task of the kernel looks at: small enough that threads share a piece. */
const LOOKED_AT = 2 ** 14;
/** Kept for the word in which kernels report. */
const FLAG_BYTES = 64;

/** All ones in numbers that are not finite. */
const exponents = { f16: 0x7c00, bf16: 0x7f80 } as const;

/** Bytes of one block of 32 numbers in a GGUF file. */
const blockBytes = { Q8_0: 34, Q4_0: 18, Q4_1: 20 } as const;

/** What an intake needs of its device. */
interface Host {
  readonly engine: Engine;
  /** @throws {DeviceError} if the device is disposed. */
  check(what: string): void;
  /** Takes a buffer into the books. */
  own(buffer: WasmBuffer): WasmBuffer;
}

/**
 * A weight that comes in piece by piece. In shared memory a piece is filled where it is needed: f32 in its own place, what
 * becomes panels in working memory. Memory that is not shared may move while somebody writes to it, when it grows: there
 * pieces lie beside it, and are copied.
 */
export class WasmIntake implements Intake {
  readonly ahead: number;
  readonly #host: Host;
  readonly #op: string;
  readonly #size: number;
  readonly #format: RowFormat | undefined;
  /** Undefined for f32. */
  readonly #panels: Panels | undefined;
  /** Bytes that come in, those of a piece, and those that are kept. */
  readonly #bytes: number;
  readonly #piece: number;
  readonly #kept: number;
  /** Addresses: of what is kept, and of the flag with the places of pieces behind it. */
  readonly #target: number;
  readonly #work: number;
  readonly #places: number;
  readonly #beside: readonly Uint8Array[] | undefined;
  readonly #out: Uint8Array[] = [];
  #given = 0;
  #taken = 0;
  #ended = false;

  /**
   * What it is given has been checked.
   * @param ahead 1 for who fills each piece at once
   * @throws {DeviceError} if there is no room.
   */
  constructor(host: Host, op: string, shape: readonly number[], format?: RowFormat, ahead = AHEAD) {
    this.ahead = ahead;
    this.#host = host;
    this.#op = op;
    this.#size = sizeOf(shape);
    this.#format = format;
    if (format) {
      const [O, I] = shape as [number, number];
      const eight = 8 * bytesOfRow(I, format);
      this.#panels = { G: 1, O, I, transposed: false, format: Format[format] };
      this.#bytes = O * bytesOfRow(I, format);
      this.#kept = packedBytes(this.#panels);
      this.#piece = Math.min(this.#bytes, eight * Math.max(1, Math.floor(PIECE.panels / eight)));
    } else {
      this.#bytes = 4 * this.#size;
      this.#kept = this.#bytes;
      this.#piece = Math.min(this.#bytes, PIECE.rows);
    }
    const { heap } = host.engine;
    const pieces = Math.min(ahead, Math.ceil(this.#bytes / Math.max(1, this.#piece)));
    if (ahead > 1 && !isShared(heap.memory.buffer))
      this.#beside = Array.from({ length: pieces }, () => new Uint8Array(this.#piece));
    this.#places = this.#beside ? 1 : pieces;
    this.#target = heap.allocate(this.#kept);
    try {
      this.#work = heap.allocate(FLAG_BYTES + (format ? this.#places * this.#piece : 0));
    } catch (error) {
      heap.free(this.#target);
      throw error;
    }
  }

  next(): Uint8Array | undefined {
    this.#check();
    if (this.#given === this.#bytes) return undefined;
    if (this.#out.length === this.ahead)
      throw this.#misused(`${this.ahead} pieces are out already`, 'Call took() when the oldest is filled.');
    const length = Math.min(this.#piece, this.#bytes - this.#given);
    const beside = this.#beside?.[(this.#given / this.#piece) % this.#beside.length];
    const from = beside ? 0 : this.#placeOf(this.#given);
    const piece = (beside ?? this.#host.engine.heap.views.u8).subarray(from, from + length);
    this.#out.push(piece);
    this.#given += length;
    return piece;
  }

  took(): void {
    this.#check();
    const piece = this.#out.shift();
    if (!piece) throw this.#misused('no piece is out', 'Call next() for one.');
    const { heap } = this.#host.engine;
    const address = this.#placeOf(this.#taken);
    if (this.#beside) heap.views.u8.set(piece, address);
    heap.views.i32[this.#work / 4] = 0;
    if (this.#panels) this.#spread(address, piece);
    else this.#look(address, piece.length / 4);
    this.#taken += piece.length;
  }

  finish(): WasmBuffer {
    this.#check();
    if (this.#taken < this.#bytes)
      throw this.#misused(
        `${this.#taken} of ${this.#bytes} bytes have been taken`,
        'Fill every piece that next() gives, and call took() for each.',
      );
    this.#ended = true;
    this.#host.engine.heap.free(this.#work);
    const layout = this.#panels
      ? ({ kind: 'panels', panels: this.#panels } as const)
      : ({ kind: 'constant', packs: [] } as const);
    return this.#host.own(new WasmBuffer('f32', this.#size, this.#target, layout, this.#kept));
  }

  cancel(): void {
    const { heap, lost } = this.#host.engine;
    // a lost helper may still write there
    if (this.#ended || lost) return;
    this.#ended = true;
    heap.free(this.#work);
    heap.free(this.#target);
  }

  /** Where in the heap a piece lies until it is taken. */
  #placeOf(at: number): number {
    if (!this.#panels) return this.#target + at;
    return this.#work + FLAG_BYTES + ((at / this.#piece) % this.#places) * this.#piece;
  }

  /** Whether the kernel that has just run came upon a number that is none. */
  get #odd(): boolean {
    return this.#host.engine.heap.views.i32[this.#work / 4] !== 0;
  }

  #look(address: number, count: number): void {
    const { engine } = this.#host;
    const tasks = Math.ceil(count / LOOKED_AT);
    // on this thread: helpers that look out for more would keep who reads from running
    engine.launch({ kernel: Kernel.finite, args: [address, count, this.#work, LOOKED_AT], tasks, cost: 0 });
    if (!this.#odd) return;
    const numbers = engine.heap.views.f32.subarray(address / 4, address / 4 + count);
    const at = numbers.findIndex((x) => !Number.isFinite(x));
    throw new ValueError(this.#op, `number ${this.#taken / 4 + at}`, 'must be finite', numbers[at]);
  }

  #spread(address: number, piece: Uint8Array): void {
    const { I, format: number } = this.#panels!;
    const format = this.#format!;
    const perRow = bytesOfRow(I, format);
    const rows = piece.length / perRow;
    const target = this.#target + (this.#taken / perRow / 8) * panelBytes(number, I);
    const halves = format === 'f16' || format === 'bf16';
    this.#host.engine.launch({
      kernel: halves ? Kernel.spread : Kernel.spreadBlocks,
      args: [address, target, rows, I, halves ? exponents[format] : number, this.#work],
      tasks: Math.ceil(rows / 8),
      cost: (rows * I) / 4,
    });
    if (this.#odd) throw oddCode(this.#op, piece, format, this.#taken);
  }

  #check(): void {
    this.#host.check(this.#op);
    if (this.#ended) throw this.#misused('it has ended', 'Begin another one.');
  }

  #misused(problem: string, cure: string): DeviceError {
    return new DeviceError('wasm', `${this.#op}: ${problem}`, [], cure);
  }
}

/** Weights are finite: the kernels read neither NaN nor infinity in 16 bits, nor such scales. */
function oddCode(op: string, piece: Uint8Array, format: RowFormat, before: number): ValueError {
  const halves = format === 'f16' || format === 'bf16';
  const exponent = exponents[format === 'bf16' ? 'bf16' : 'f16'];
  const codes = new Uint16Array(piece.buffer, piece.byteOffset, piece.length / 2);
  // every 16-bit number, or the scale (and minimum) that a block begins with
  const step = halves ? 1 : blockBytes[format] / 2;
  const read = format === 'Q4_1' ? 2 : 1;
  const at = codes.findIndex((code, n) => n % step < read && (code & exponent) === exponent);
  const what = halves ? 'number' : `the ${at % step === 0 ? 'scale' : 'minimum'} of block`;
  return new ValueError(
    op,
    'bytes',
    `must hold finite numbers; ${what} ${before / 2 / step + Math.floor(at / step)} is NaN or infinite`,
    `0x${codes[at]!.toString(16)}`,
  );
}

function isShared(buffer: ArrayBufferLike): boolean {
  return typeof SharedArrayBuffer === 'function' && buffer instanceof SharedArrayBuffer;
}
