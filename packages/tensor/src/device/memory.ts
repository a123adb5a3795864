import { DeviceError } from '../errors.ts';
import type { DeviceBuffer, MemoryCounters } from './device.ts';

const BYTES_PER_ELEMENT = 4;

/** Counts the buffers of one device, and refuses one that is freed, foreign or freed twice. */
export class MemoryLedger {
  readonly #device: string;
  readonly #live = new Set<DeviceBuffer>();
  #liveBytes = 0;
  #peakBytes = 0;

  constructor(device: string) {
    this.#device = device;
  }

  add<Buffer extends DeviceBuffer>(buffer: Buffer): Buffer {
    this.#live.add(buffer);
    this.#liveBytes += buffer.length * BYTES_PER_ELEMENT;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    return buffer;
  }

  /** @throws {DeviceError} if the buffer is not live on this device. */
  check(buffer: DeviceBuffer, what: string): void {
    if (this.#live.has(buffer)) return;
    throw new DeviceError(this.#device, `${what} was given a buffer that is not live on this device`, [
      'it was disposed, or belongs to another device',
    ]);
  }

  remove(buffer: DeviceBuffer): void {
    this.check(buffer, 'free');
    this.#live.delete(buffer);
    this.#liveBytes -= buffer.length * BYTES_PER_ELEMENT;
  }

  get counters(): MemoryCounters {
    return { liveBytes: this.#liveBytes, peakBytes: this.#peakBytes, buffers: this.#live.size };
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  get live(): readonly DeviceBuffer[] {
    return [...this.#live];
  }

  clear(): void {
    this.#live.clear();
    this.#liveBytes = 0;
  }
}

/**
 * Checks the ranges of a `write` before anything is touched.
 *
 * @throws {DeviceError} if the range leaves the source or the target, or the two are one buffer.
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
