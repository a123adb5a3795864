import { type Device, type Intake, type RowFormat, sizeOf, Tensor, ValueError } from '@headwise/tensor';
import type { Checkpoint, TensorReader } from './checkpoint.ts';
import { FormatError } from './errors.ts';
import { bytesOfNumbers, type StoredType, widenInto } from './formats/host-tensor.ts';
import type { Shapes } from './part.ts';
import type { Span, WeightSource } from './weight-sources.ts';
import { keptFormat, quoted, type WeightPlan } from './weights.ts';

/** A weight whose bytes go straight from its file to where a device wants them. */
export interface Straight {
  readonly files: readonly string[];
  readonly shape: readonly number[];
  /** Undefined for float32. */
  readonly format: RowFormat | undefined;
  /** What is widened on the way. */
  readonly widened: StoredType | undefined;
  readonly runs: readonly Run[];
}

/** Bytes of a tensor, and what reads them. */
interface Run extends Span {
  readonly read: TensorReader;
}

/**
 * Which weights go straight to a device: it takes pieces, their bytes are whole runs of tensors, and no other weight is
 * made of these bytes, so that nothing is read twice.
 *
 * @param float32 nothing stays in fewer bits
 */
export function straightWeights(
  device: Device,
  checkpoint: Checkpoint,
  plan: WeightPlan,
  wanted: Shapes,
  float32: boolean,
): ReadonlyMap<string, Straight> {
  const found = new Map<string, Straight>();
  if (!device.intake) return found;
  for (const [name, shape] of Object.entries(wanted)) {
    const straight = straightOf(device, checkpoint, plan.sources[name]!, shape, float32);
    if (straight) found.set(name, straight);
  }
  // copies are compared, and what is read for that is kept
  const otherwise = new Set([...plan.copies].flat());
  for (const name of Object.keys(wanted))
    if (!found.has(name)) for (const file of plan.sources[name]!.files) otherwise.add(file);
  for (const file of overlapping([...found.values()])) otherwise.add(file);
  for (let before = -1; before !== otherwise.size; ) {
    before = otherwise.size;
    for (const [name, { files }] of found) {
      if (!files.some((file) => otherwise.has(file))) continue;
      found.delete(name);
      for (const file of files) otherwise.add(file);
    }
  }
  return found;
}

function straightOf(
  device: Device,
  checkpoint: Checkpoint,
  source: WeightSource,
  shape: readonly number[],
  float32: boolean,
): Straight | undefined {
  const { place, files } = source;
  if (!place) return undefined;
  const runs = place.spans.flatMap((span): Run[] => {
    const read = checkpoint.reader?.(span.file);
    return read ? [{ ...span, read }] : [];
  });
  if (runs.length < place.spans.length) return undefined;
  const format = float32 ? undefined : keptFormat(device, source, shape);
  const widened = format || place.dtype === 'F32' ? undefined : place.dtype;
  return { files, shape, format, widened, runs };
}

/** Tensors of which some bytes are in two weights. */
function overlapping(weights: readonly Straight[]): Set<string> {
  const spans = new Map<string, Run[]>();
  for (const run of weights.flatMap(({ runs }) => runs)) {
    const others = spans.get(run.file);
    if (others) others.push(run);
    else spans.set(run.file, [run]);
  }
  const twice = new Set<string>();
  for (const [file, all] of spans) {
    all.sort((a, b) => a.start - b.start);
    if (all.some(({ start }, n) => n > 0 && start < all[n - 1]!.end)) twice.add(file);
  }
  return twice;
}

/** A piece that is being read. */
interface Reading {
  readonly done: Promise<void>;
  readonly intake: Intake;
  /** Of the last piece of a weight: what is done with it. */
  readonly last: (() => void) | undefined;
  readonly weight: Straight;
}

/** Reads weights straight into a device: some pieces are read while another is worked on, from weight to weight. */
export class StraightReader {
  readonly #device: Device;
  readonly #signal: AbortSignal | undefined;
  readonly #readings: Reading[] = [];
  readonly #open = new Set<Intake>();
  /** Memory for what is widened on the way, used again and again. */
  readonly #spare: Uint8Array[] = [];

  constructor(device: Device, signal: AbortSignal | undefined) {
    this.#device = device;
    this.#signal = signal;
  }

  /**
   * Begins to read a weight; `loaded` is given it when all of it is there, at the latest by `settle`.
   * @throws {FormatError} if a number of it, or of one before it, is not finite.
   */
  async read(weight: Straight, loaded: (weight: Tensor) => void): Promise<void> {
    this.#signal?.throwIfAborted();
    const { shape, format, widened, runs } = weight;
    const intake = this.#device.intake!(shape, format);
    this.#open.add(intake);
    const finish = (): void => {
      const buffer = intake.finish();
      this.#open.delete(intake);
      loaded(new Tensor(this.#device, buffer, shape));
    };
    const bytes = widened ? 4 * sizeOf(shape) : lengthOf(runs);
    if (bytes === 0) finish();
    for (let at = 0; at < bytes; ) {
      const piece = intake.next()!;
      const done = widened ? this.#widen(runs, widened, at / 4, piece) : this.#fill(runs, at, piece);
      // looked at when its turn comes
      done.catch(() => {});
      at += piece.length;
      this.#readings.push({ done, intake, weight, last: at === bytes ? finish : undefined });
      if (this.#readings.length >= intake.ahead) await this.#takeOldest();
    }
  }

  /** Waits until every weight that was begun is there. @throws as `read` does. */
  async settle(): Promise<void> {
    while (this.#readings.length > 0) await this.#takeOldest();
  }

  /** Gives up: when nobody writes any more, the device has its memory back. Never throws. */
  async cancel(): Promise<void> {
    await Promise.allSettled(this.#readings.splice(0).map(({ done }) => done));
    for (const intake of this.#open) intake.cancel();
    this.#open.clear();
  }

  async #takeOldest(): Promise<void> {
    const { done, intake, last, weight } = this.#readings.shift()!;
    await done;
    this.#signal?.throwIfAborted();
    try {
      intake.took();
    } catch (error) {
      throw ValueError.isInstance(error) ? notFinite(weight.files, error) : error;
    }
    last?.();
  }

  /** The bytes of a weight from `at` on. */
  async #fill(runs: readonly Run[], at: number, target: Uint8Array): Promise<void> {
    let before = 0;
    for (const { start, end, read } of runs) {
      const from = Math.max(at, before);
      before += end - start;
      const to = Math.min(at + target.length, before);
      // one after the other: nothing is written any more once one has failed
      if (from < to) await read(end - before + from, target.subarray(from - at, to - at), this.#signal);
    }
  }

  /** Its numbers from `first` on as float32, by way of a little memory. */
  async #widen(runs: readonly Run[], dtype: StoredType, first: number, target: Uint8Array): Promise<void> {
    const count = target.length / 4;
    const spare = this.#spare.pop();
    const length = bytesOfNumbers(count, dtype);
    const memory = spare && spare.length >= length ? spare : new Uint8Array(length);
    try {
      await this.#fill(runs, bytesOfNumbers(first, dtype), memory.subarray(0, length));
      widenInto(memory, dtype, new Float32Array(target.buffer, target.byteOffset, count));
    } finally {
      this.#spare.push(memory);
    }
  }
}

/** A file's number that is none, as the device says it. */
function notFinite(files: readonly string[], { argument, got }: ValueError): FormatError {
  const which = argument.startsWith('number') ? `, ${argument} is ${String(got)}` : '';
  return new FormatError('weights', `${quoted(files)} must hold finite numbers${which}`);
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}
