import { Kernel } from '../assembly/kernel-list.ts';
import type { Engine } from './engine.ts';
import type { Job } from './job.ts';
import type { Noted } from './recorder.ts';

/** Bytes of a phase and of a job, as assembly/index.ts has them. */
const PHASE = 64;
const JOB = 32;
const HEADER = 64;

/** A word among the arguments that holds an address, so many bytes behind the one it is made of. */
export interface Patch {
  readonly operation: number;
  readonly job: number;
  readonly argument: number;
  readonly offset: number;
}

/**
 * Jobs in phases: each operation in the first one in which all that it reads has been written, and nobody reads any more
 * what it writes. The jobs of one operation need each other, and take a phase each.
 */
export function inPhases(
  operations: readonly Noted[],
): readonly (readonly [operation: number, job: number])[][] {
  const phases: [number, number][][] = [];
  const written = new Map<number, number>();
  const read = new Map<number, number>();
  const after = (phase: number | undefined): number => (phase === undefined ? 0 : phase + 1);
  for (const [n, { jobs, reads, writes }] of operations.entries()) {
    if (jobs.length === 0) continue;
    let first = 0;
    for (const address of reads) first = Math.max(first, after(written.get(address)));
    for (const address of writes)
      first = Math.max(first, after(written.get(address)), after(read.get(address)));
    for (const job of jobs.keys()) (phases[first + job] ??= []).push([n, job]);
    const last = first + jobs.length - 1;
    for (const address of writes) written.set(address, last);
    for (const address of reads) read.set(address, Math.max(last, read.get(address) ?? 0));
  }
  return phases;
}

/** Recorded jobs in shared memory, as assembly/index.ts walks them. */
export class Program {
  readonly #engine: Engine;
  /** Nanoseconds that one thread would need, roughly. */
  readonly cost: number;
  readonly jobs: number;
  readonly phases: number;
  readonly #scratch: number;
  readonly #address: number;
  readonly #phases: number;
  readonly #counters: number;
  readonly #apart: number;
  /** First tasks of all sections. */
  readonly #dealt: Int32Array;
  /** Where the address of the result stands among the arguments. */
  readonly #patches: readonly { readonly word: number; readonly offset: number }[];
  #result: number;

  /** @throws {DeviceError} if there is no room. */
  constructor(
    engine: Engine,
    operations: readonly Noted[],
    patches: readonly Patch[],
    { scratch, result }: { readonly scratch: number; readonly result: number },
  ) {
    this.#engine = engine;
    this.#scratch = scratch;
    this.#result = result;
    const phases = inPhases(operations);
    const order = phases.flat();
    const list = order.map(([n, job]) => operations[n]!.jobs[job]!);
    this.jobs = list.length;
    this.phases = phases.length;
    this.cost = list.reduce((sum, { cost }) => sum + cost, 0);
    const { threads } = engine;
    // a line of the cache for the counters of each thread at least
    this.#apart = Math.ceil((list.length * 4) / 64) * 64;
    const words = list.map(({ args }) => Math.ceil(args.length / 16) * 16);
    const at = { phases: HEADER, jobs: HEADER + phases.length * PHASE, counters: 0, arguments: 0 };
    at.counters = Math.ceil((at.jobs + list.length * JOB) / 64) * 64;
    at.arguments = at.counters + threads * this.#apart;
    const bytes = at.arguments + 4 * words.reduce((sum, count) => sum + count, 0);
    const base = engine.heap.allocate(bytes);
    this.#address = base;
    this.#phases = base + at.phases;
    this.#counters = base + at.counters;
    const { i32 } = engine.heap.views;
    i32.fill(0, base / 4, (base + bytes) / 4);
    i32.set([phases.length, base + at.phases, base + at.jobs, base + at.counters, this.#apart], base / 4);
    let next = base + at.arguments;
    const addresses = list.map((job, n) => {
      const address = next;
      i32.set(job.args, address / 4);
      next += words[n]! * 4;
      return address;
    });
    for (const [n, { kernel, tasks }] of list.entries()) {
      const shares = n > 0 && !begins(phases, n) && sharesRow(list[n - 1]!, list[n]!);
      const job = [kernel, tasks, addresses[n]!, engine.step(tasks), shares ? 1 : 0];
      i32.set(job, (base + at.jobs + n * JOB) / 4);
    }
    let first = 0;
    for (const [p, members] of phases.entries()) {
      const tasks = members.reduce((sum, _, n) => sum + list[first + n]!.tasks, 0);
      i32.set([0, tasks, first, members.length], (this.#phases + p * PHASE) / 4);
      first += members.length;
    }
    this.#dealt = new Int32Array((threads * this.#apart) / 4);
    this.#patches = patches.map(({ operation, job, argument, offset }) => {
      const n = order.findIndex(([other, index]) => other === operation && index === job);
      return { word: addresses[n]! / 4 + argument, offset };
    });
    this.#deal(list);
  }

  /**
   * Does all jobs, their result at an address.
   * @throws {DeviceError} if a kernel fails, or a helper thread has ended.
   */
  run(result: number): void {
    const { i32 } = this.#engine.heap.views;
    if (result !== this.#result) for (const { word, offset } of this.#patches) i32[word] = result + offset;
    this.#result = result;
    this.#engine.replay(this.#address, this.#scratch, this.cost, (sections) => this.#reset(sections));
  }

  dispose(): void {
    if (!this.#engine.lost) this.#engine.heap.free(this.#address);
  }

  /** Nothing is done, and everything is to be handed out. */
  #reset(sections: number): void {
    const { i32 } = this.#engine.heap.views;
    for (let p = 0; p < this.phases; p++) i32[(this.#phases + p * PHASE) / 4] = 0;
    if (sections === 1) i32.fill(0, this.#counters / 4, (this.#counters + this.#apart) / 4);
    else i32.set(this.#dealt, this.#counters / 4);
  }

  /** The first task of each section, for all threads. */
  #deal(list: readonly Job[]): void {
    const { threads } = this.#engine;
    for (let section = 0; section < threads; section++)
      for (const [n, { tasks }] of list.entries())
        this.#dealt[(section * this.#apart) / 4 + n] = Math.floor((section * tasks) / threads);
  }
}

/** Whether job n is the first of its phase. */
function begins(phases: readonly (readonly unknown[])[], n: number): boolean {
  let first = 0;
  for (const { length } of phases) {
    if (first === n) return true;
    first += length;
  }
  return false;
}

/** Arguments of a product on which the row depends that a thread prepares: all but the weight, its rows, and where they go. */
const OF_ROW = [0, 1, 2, 9, 11, 12, 14, 16, 17, 18];

/** Whether two products read the same rows, which a thread cuts into whole numbers once for both. */
function sharesRow(one: Job, other: Job): boolean {
  const product = other.kernel === Kernel.integers || other.kernel === Kernel.matrix;
  return product && one.kernel === other.kernel && OF_ROW.every((n) => one.args[n] === other.args[n]);
}
