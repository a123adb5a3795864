import type { DeviceBuffer, MemoryCounters } from '../contracts/device.ts';
import { DeviceError } from '../errors.ts';

const BYTES_PER_ELEMENT = 4;

function bytesOf({ bytes, length }: DeviceBuffer): number {
  return bytes ?? length * BYTES_PER_ELEMENT;
}

/**
 * Where a buffer stands in its books. On the buffer and not in a Set: of a Set in which much comes and goes V8 keeps
 * every table that it has outgrown, each with what it held, until the next full collection.
 */
const place = Symbol('place in the books');

type Entered = DeviceBuffer & { [place]?: number | undefined };

/** Counts the buffers of one device, and refuses one that is freed, foreign or freed twice. */
export class MemoryLedger {
  readonly #device: string;
  readonly #live: Entered[] = [];
  #liveBytes = 0;
  #peakBytes = 0;

  constructor(device: string) {
    this.#device = device;
  }

  /** Takes a buffer into the books; never throws. */
  add<Buffer extends DeviceBuffer>(buffer: Buffer): Buffer {
    (buffer as Entered)[place] = this.#live.push(buffer) - 1;
    this.#liveBytes += bytesOf(buffer);
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return buffer;
  }

  /** Whether the buffer is live on this device. Never throws. */
  has(buffer: DeviceBuffer): boolean {
    return this.#live[(buffer as Entered)[place] ?? -1] === buffer;
  }

  /** @throws {DeviceError} if the buffer is not live on this device. */
  check(buffer: DeviceBuffer, what: string): void {
    if (this.has(buffer)) return;
    throw new DeviceError(this.#device, `${what} was given a buffer that is not live on this device`, [
      'it was disposed, or belongs to another device',
    ]);
  }

  /** @throws {DeviceError} if the buffer is not live on this device. */
  remove(buffer: DeviceBuffer): void {
    this.check(buffer, 'free');
    const last = this.#live.pop()!;
    const at = (buffer as Entered)[place]!;
    (buffer as Entered)[place] = undefined;
    if (last !== buffer) {
      this.#live[at] = last;
      last[place] = at;
    }
    this.#liveBytes -= bytesOf(buffer);
  }

  get counters(): MemoryCounters {
    return { liveBytes: this.#liveBytes, peakBytes: this.#peakBytes, buffers: this.#live.length };
  }

  /** Starts the peak anew. Never throws. */
  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  get live(): readonly DeviceBuffer[] {
    return [...this.#live];
  }

  /** Forgets every buffer. Never throws. */
  clear(): void {
    this.#live.length = 0;
    this.#liveBytes = 0;
  }
}

/**
 * Checks the ranges of a `write` before anything is touched.
 *
 * @throws {DeviceError} if a range does not fit, or the source is the target.
 */
export function checkWrite(
  device: string,
  target: DeviceBuffer,
  offset: number,
  source: { readonly length: number },
  sourceOffset: number,
  length: number,
): void {
  const fits = (start: number, size: number): boolean =>
    Number.isInteger(start) && start >= 0 && start + length <= size;
  if (!Number.isInteger(length) || length < 0 || !fits(sourceOffset, source.length)) {
    throw new DeviceError(
      device,
      `write reads elements ${sourceOffset} … ${sourceOffset + length - 1} of a source of ${source.length}`,
    );
  }
  if (!fits(offset, target.length)) {
    throw new DeviceError(
      device,
      `write puts elements at ${offset} … ${offset + length - 1} of a buffer of ${target.length}`,
    );
  }
  if ((source as unknown) === target) {
    throw new DeviceError(
      device,
      'write cannot copy a buffer onto itself',
      [],
      'Copy through a buffer of its own.',
    );
  }
}
