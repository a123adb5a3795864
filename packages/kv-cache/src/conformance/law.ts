import type { Device } from '@headwise/tensor';
import { DeviceError, ShapeError, ValueError } from '@headwise/tensor';
import { CacheFileError } from '../format/errors.ts';
import type { CacheSubject } from './subject.ts';
import { LawError, type Twin } from './twin.ts';

/** One law: throws when it does not hold. */
export type Law = (subject: CacheSubject, device: Device) => Promise<void>;

export async function fill(twin: Twin, tokens: number): Promise<void> {
  for (let i = 0; i < tokens; i += 2) await twin.append(Math.min(2, tokens - i));
}

/** The call throws one of the errors that explain themselves, and nothing that can be seen has changed. */
export async function refused(what: string, twin: Twin, act: (twin: Twin) => unknown): Promise<void> {
  const { cache } = twin;
  const look = (): string =>
    JSON.stringify([cache.lengths, cache.held, cache.bytes(), twin.device.memory.buffers]);
  const before = look();
  const tokens = twin.tokens.map((list) => [...list]);
  must(!allowed(() => act(twin)), `${what} is not refused`);
  must(look() === before, `${what} is refused, but changes the cache: ${before} to ${look()}`);
  twin.tokens = tokens;
}

/** Whether a call goes through; an error that does not explain itself is a fault of its own. */
export function allowed(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    const explained = [ValueError, ShapeError, DeviceError, CacheFileError].some((kind) =>
      kind.isInstance(error),
    );
    if (explained) return false;
    throw new LawError(
      `a refusal must be a ValueError, ShapeError, DeviceError or CacheFileError, got ${error}`,
    );
  }
}

export function capacityOf({ capacity = 24 }: CacheSubject): number {
  return capacity;
}

export function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new LawError(otherwise);
}
