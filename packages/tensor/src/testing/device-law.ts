import type { Device } from '../contracts/device.ts';

/** What a device promises beside the results of operations. */
export interface DeviceLaw {
  readonly name: string;
  readonly check: (device: Device) => Promise<void>;
}

/** A law. Never throws. */
export const law = (name: string, check: DeviceLaw['check']): DeviceLaw => ({ name, check });

/** 0, 1, 2 … from `from` on. */
export const counting = (length: number, from = 0): Float32Array =>
  Float32Array.from({ length }, (_, i) => from + i);
