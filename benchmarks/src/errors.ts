import { type Device, DeviceError } from '@headwise/tensor';

/** What the person asked for cannot be done; the message says what can. Not a fault of the program. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The work cannot be done by this subject, by its nature; the message says why. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported';
}

/** The words of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @throws {Unsupported} if the error is a device's refusal of an operation: that is no wrong result, and no crash. */
export function throwIfRefused(device: Device, error: unknown): void {
  if (!DeviceError.isInstance(error)) return;
  if (['run', 'pack'].some((verb) => error.message.startsWith(`${device.name}: cannot ${verb} `)))
    throw new Unsupported(error.reasons.join('; '));
}
