import type { Device, DeviceBuffer, Recording } from '@headwise/tensor';
import { Arena } from './arena.ts';
import { WasmBuffer } from './buffer.ts';
import type { Engine } from './engine.ts';
import { type Patch, Program } from './program.ts';
import { alreadyRecording, type Noted, Recorder } from './recorder.ts';

/** Runs in a row that differ after which a step is not noted any more. */
const PATIENCE = 3;

/** What a recording needs of its device. */
export interface RecordingHost {
  readonly device: Device;
  readonly engine: Engine;
  /** @throws {DeviceError} if the device is disposed. */
  check(what: string): void;
  /** Takes a buffer into the books. */
  own(buffer: WasmBuffer): WasmBuffer;
  /** Whether a buffer is in the books. */
  isLive(buffer: DeviceBuffer): boolean;
}

/**
 * A step that is noted twice and then done again: the two runs must ask for the same jobs, word for word, with the same
 * numbers from the host. Where words differ they do as the address of the result does, which is another one each time.
 */
export class WasmRecording implements Recording {
  readonly device: Device;
  readonly #host: RecordingHost;
  #arena: Arena;
  #noted: Recorder | undefined;
  #program: Program | undefined;
  /** Pieces for the result, and the one it was written to last. */
  readonly #results: number[] = [];
  #length = 0;
  /** Of such a piece: what else the step puts there on the way may be larger. */
  #bytes = 0;
  #unequal = 0;
  #refused: string | undefined;
  #replays = 0;
  #disposed = false;

  constructor(host: RecordingHost) {
    this.#host = host;
    this.device = host.device;
    this.#arena = new Arena(host.engine.heap);
  }

  get refused(): string | undefined {
    return this.#refused;
  }

  get replays(): number {
    return this.#replays;
  }

  run(work: () => DeviceBuffer): DeviceBuffer {
    this.#host.check('record');
    if (this.#disposed || this.#refused !== undefined) return work();
    if (this.#noted && !this.#holds(this.#noted)) this.forget();
    if (this.#program) return this.#replay(this.#program);
    return this.#noted ? this.#compare(this.#noted, work) : this.#note(work);
  }

  forget(): void {
    this.#program?.dispose();
    this.#program = undefined;
    this.#noted = undefined;
    this.#results.length = 0;
    if (!this.#host.engine.lost) this.#arena.end();
    this.#arena = new Arena(this.#host.engine.heap);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.forget();
    this.#disposed = true;
  }

  /** Whether everything that was there when it was noted is still there, and no larger than the jobs are made for. */
  #holds({ outside, bounds }: Recorder): boolean {
    const { i32 } = this.#host.engine.heap.views;
    for (const [buffer, address] of outside)
      if ((buffer as WasmBuffer).address !== address || !this.#host.isLive(buffer)) return false;
    for (const [address, most] of bounds) if (i32[address / 4]! > most) return false;
    return true;
  }

  #note(work: () => DeviceBuffer): DeviceBuffer {
    const recorder = new Recorder(this.#arena);
    const result = this.#recorded(recorder, work);
    if (this.#isRefused(recorder, result)) return result;
    this.#results.push(result.address);
    this.#length = result.length;
    this.#bytes = this.#arena.bytesOf(result.address);
    this.#noted = recorder;
    return result;
  }

  #compare(noted: Recorder, work: () => DeviceBuffer): DeviceBuffer {
    const [before] = this.#results as [number];
    const now = this.#arena.allocate(this.#bytes, true);
    const recorder = new Recorder(this.#arena, noted.allocations, new Map([[before, now]]));
    const result = this.#recorded(recorder, work);
    if (result.address !== now) {
      this.#arena.release(now, false);
      recorder.refuse('its result is made in another way than in the step before');
    }
    if (this.#isRefused(recorder, result)) return result;
    const patches = patchesOf(noted, recorder, [before, now, this.#bytes]);
    if (!patches) {
      this.#unequal++;
      if (this.#unequal >= PATIENCE) this.#refused = 'one step asks for other work than the next';
      this.forget();
      return result;
    }
    this.#unequal = 0;
    this.#results.push(now);
    const { scratch, operations } = recorder;
    this.#program = new Program(this.#host.engine, operations, patches, { scratch, result: now });
    return result;
  }

  #replay(program: Program): DeviceBuffer {
    const address = this.#free();
    program.run(address);
    this.#replays++;
    return this.#host.own(new WasmBuffer('f32', this.#length, address, undefined, undefined, this.#arena));
  }

  /** A piece for the result that nobody holds: the caller keeps each as long as he likes. */
  #free(): number {
    let address = this.#results.find((one) => !this.#arena.isLive(one));
    if (address === undefined) {
      address = this.#arena.allocate(this.#bytes, true);
      this.#results.push(address);
    } else this.#arena.hold(address);
    return address;
  }

  #recorded(recorder: Recorder, work: () => DeviceBuffer): WasmBuffer {
    const { engine } = this.#host;
    if (engine.recorder) throw alreadyRecording();
    engine.recorder = recorder;
    let done = false;
    try {
      const result = work() as WasmBuffer;
      done = true;
      return result;
    } finally {
      engine.recorder = undefined;
      if (!done) {
        // what the failed step made is freed; the piece for its result may not have been made
        for (const address of this.#arena.live)
          if (!this.#results.includes(address)) this.#arena.release(address, false);
        this.forget();
      }
    }
  }

  #isRefused(recorder: Recorder, result: WasmBuffer): boolean {
    if (!this.#arena.has(result.address)) recorder.refuse('the result was there before');
    const others = this.#arena.live.filter((address) => address !== result.address);
    const lent = others.filter((address) => !this.#results.includes(address));
    if (lent.length > 0) recorder.refuse('something that was made inside outlives it');
    if (recorder.refused === undefined) return false;
    this.#unequal++;
    if (this.#unequal >= PATIENCE) this.#refused = recorder.refused;
    this.forget();
    return true;
  }
}

/** Where the address of the result stands among the arguments; undefined if two runs differ in anything else. */
function patchesOf(
  one: Recorder,
  two: Recorder,
  [before, now, size]: readonly [before: number, now: number, size: number],
): Patch[] | undefined {
  if (one.operations.length !== two.operations.length || one.allocations.length !== two.allocations.length)
    return undefined;
  for (const [n, { data }] of one.allocations.entries())
    if (!sameNumbers(data, two.allocations[n]!.data)) return undefined;
  const patches: Patch[] = [];
  for (const [operation, first] of one.operations.entries()) {
    const second = two.operations[operation]!;
    if (!sameForm(first, second)) return undefined;
    for (const [job, { args }] of first.jobs.entries())
      for (const [argument, word] of args.entries()) {
        const other = second.jobs[job]!.args[argument]!;
        const offset = word - before;
        if (other === word) continue;
        if (offset < 0 || offset >= size || other - now !== offset) return undefined;
        patches.push({ operation, job, argument, offset });
      }
  }
  return patches;
}

function sameForm(one: Noted, two: Noted): boolean {
  if (one.name !== two.name || one.jobs.length !== two.jobs.length) return false;
  return one.jobs.every(({ kernel, tasks, args, scratch }, n) => {
    const other = two.jobs[n]!;
    return (
      kernel === other.kernel &&
      tasks === other.tasks &&
      args.length === other.args.length &&
      scratch === other.scratch
    );
  });
}

function sameNumbers(
  one: Float32Array | Int32Array | undefined,
  two: Float32Array | Int32Array | undefined,
): boolean {
  if (!one || !two) return one === two;
  return one.length === two.length && one.every((value, n) => Object.is(value, two[n]));
}
