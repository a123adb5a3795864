import type { Device, DeviceBuffer, DType, HostArray, MemoryCounters, OpCall } from '../contracts/device.ts';
import { DeviceError } from '../errors.ts';
import { checkWrite, MemoryLedger } from './memory.ts';

/** Values stay in float64 between operations, so a chain of operations is rounded once, when it is read. */
interface HostBuffer extends DeviceBuffer {
  readonly data: Float64Array | Int32Array;
}

/**
 * The oracle: every operation as its own plain float64 loops. Slow and right; what all other devices are
 * compared with. Never throws.
 */
export function createReference(): Device {
  return new ReferenceDevice();
}

class ReferenceDevice implements Device {
  readonly name = 'reference';
  readonly precision = { dtype: 'f64', epsilon: 2 ** -53 } as const;
  readonly details = { engine: 'plain loops, float64' };
  #ran: string | undefined;
  #disposed = false;
  readonly #ledger = new MemoryLedger('reference');

  get ran(): string | undefined {
    return this.#ran;
  }

  get memory(): MemoryCounters {
    return this.#ledger.counters;
  }

  resetPeak(): void {
    this.#ledger.resetPeak();
  }

  allocate(length: number, dtype: DType): DeviceBuffer {
    this.#check('allocate');
    return this.#own(dtype === 'i32' ? new Int32Array(length) : new Float64Array(length), dtype);
  }

  upload(data: Float32Array | Int32Array): DeviceBuffer {
    this.#check('upload');
    return data instanceof Int32Array
      ? this.#own(data.slice(), 'i32')
      : this.#own(Float64Array.from(data), 'f32');
  }

  async read(buffer: DeviceBuffer, start = 0, end = buffer.length): Promise<Float32Array | Int32Array> {
    this.#check('read');
    this.#ledger.check(buffer, 'read');
    const { data } = buffer as HostBuffer;
    return data instanceof Int32Array ? data.slice(start, end) : Float32Array.from(data.subarray(start, end));
  }

  write(
    target: DeviceBuffer,
    offset: number,
    source: Float32Array | Int32Array | DeviceBuffer,
    sourceOffset = 0,
    length = source.length - sourceOffset,
  ): void {
    this.#check('write');
    this.#ledger.check(target, 'write');
    checkWrite(this.name, target, offset, source, sourceOffset, length);
    if (!ArrayBuffer.isView(source)) this.#ledger.check(source, 'write');
    const from = ArrayBuffer.isView(source) ? source : (source as HostBuffer).data;
    (target as HostBuffer).data.set(from.subarray(sourceOffset, sourceOffset + length), offset);
  }

  run({ op, inputs, params, outputs }: OpCall): readonly DeviceBuffer[] {
    this.#check(op.name);
    const host: Record<string, HostArray> = {};
    for (const [name, { shape, buffer }] of Object.entries(inputs)) {
      this.#ledger.check(buffer, op.name);
      host[name] = { shape, data: (buffer as HostBuffer).data };
    }
    const results = op.reference(host, params);
    if (results.length !== outputs.length) {
      throw new DeviceError(
        this.name,
        `${op.name} returned ${results.length} arrays and declares ${outputs.length}`,
      );
    }
    this.#ran = this.name;
    return results.map((data, i) =>
      outputs[i]!.dtype === 'i32' ? this.#own(Int32Array.from(data), 'i32') : this.#own(data, 'f32'),
    );
  }

  supports(): readonly string[] {
    return [];
  }

  free(buffer: DeviceBuffer): void {
    if (!this.#disposed) this.#ledger.remove(buffer);
  }

  async settled(): Promise<void> {}

  dispose(): void {
    this.#disposed = true;
    this.#ledger.clear();
  }

  #own(data: Float64Array | Int32Array, dtype: DType): HostBuffer {
    return this.#ledger.add({ dtype, length: data.length, data });
  }

  #check(what: string): void {
    if (this.#disposed)
      throw new DeviceError(this.name, `${what} on a disposed device`, [], 'Create a new one.');
  }
}
