import { type DeviceBuffer, DeviceError } from '@headwise/tensor';
import type { Arena } from './arena.ts';
import type { WasmBuffer } from './buffer.ts';
import type { Job } from './job.ts';

/** What one operation asked for: its jobs, each of which needs the one before, and the pieces of memory they touch. */
export interface Noted {
  readonly name: string;
  readonly jobs: Job[];
  /** Addresses of pieces that are read, and of those that are written. */
  readonly reads: number[];
  readonly writes: number[];
}

interface Allocation {
  readonly bytes: number;
  readonly address: number;
  /** What came from the host; undefined for memory that jobs write. */
  readonly data?: Float32Array | Int32Array | undefined;
}

/** Notes what a step asks of the device while it runs as it comes, so that two runs can be compared and the jobs be done again. */
export class Recorder {
  readonly operations: Noted[] = [];
  /** The most that numbers in memory may be, by their addresses. */
  readonly bounds = new Map<number, number>();
  readonly allocations: Allocation[] = [];
  /** What was there before, and is read or changed. */
  readonly outside = new Map<DeviceBuffer, number>();
  /** Bytes of working memory of each thread. */
  scratch = 0;
  readonly arena: Arena;
  /** Why its jobs cannot be done again as they were noted. */
  refused: string | undefined;
  readonly #before: readonly Allocation[] | undefined;
  readonly #instead: ReadonlyMap<number, number>;
  readonly #constants = new Set<number>();
  #current: Noted | undefined;

  /**
   * @param before what an earlier run allocated, whose addresses this one takes in the same order
   * @param instead addresses that take the place of some of them
   */
  constructor(
    arena: Arena,
    before?: readonly Allocation[],
    instead: ReadonlyMap<number, number> = new Map(),
  ) {
    this.arena = arena;
    this.#before = before;
    this.#instead = instead;
  }

  begin(name: string, inputs: Iterable<WasmBuffer>, stores: WasmBuffer | undefined): void {
    const operation: Noted = { name, jobs: [], reads: [], writes: stores ? [stores.address] : [] };
    for (const buffer of inputs) {
      operation.reads.push(buffer.address, ...buffer.packs.map(({ address }) => address));
      if (!this.arena.has(buffer.address)) this.outside.set(buffer, buffer.address);
    }
    this.#current = operation;
  }

  end(): void {
    if (this.#current) this.operations.push(this.#current);
    this.#current = undefined;
  }

  note(job: Job): void {
    if (!this.#current) this.refuse('a job outside of an operation');
    this.#current?.jobs.push({ ...job, args: [...job.args] });
    this.scratch = Math.max(this.scratch, job.scratch ?? 0);
  }

  /** Memory of the step: for a result or for the time of an operation, or with what the host put there. */
  allocate(bytes: number, data?: Float32Array | Int32Array): number {
    const address = this.#place(bytes, data);
    this.allocations.push({ bytes, address, data: data?.slice() });
    if (data) this.#constants.add(address);
    else this.#current?.writes.push(address);
    return address;
  }

  release(address: number): void {
    this.arena.release(address, !this.#before && !this.#constants.has(address));
  }

  /** Whole numbers in memory, up to which the jobs are right. */
  bound(address: number, count: number, most: number): void {
    for (let n = 0; n < count; n++) {
      const at = address + 4 * n;
      this.bounds.set(at, Math.min(most, this.bounds.get(at) ?? most));
    }
  }

  /** The step does something that its jobs do not say. */
  refuse(reason: string): void {
    this.refused ??= this.#current ? `${this.#current.name}: ${reason}` : reason;
  }

  #place(bytes: number, data: Float32Array | Int32Array | undefined): number {
    const known = this.#before?.[this.allocations.length];
    if (!this.#before) return this.arena.allocate(bytes, data !== undefined);
    if (known?.bytes === bytes && (known.data === undefined) === (data === undefined)) {
      const address = this.#instead.get(known.address) ?? known.address;
      this.arena.hold(address);
      return address;
    }
    this.refuse('it takes other memory than in the step before');
    return this.arena.allocate(bytes, true);
  }
}

/** A device that is recording already. */
export function alreadyRecording(): DeviceError {
  return new DeviceError(
    'wasm',
    'a recording inside of a recording',
    [],
    'Record one piece of work at a time.',
  );
}
