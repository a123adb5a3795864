import type { Device } from '@headwise/tensor';
import type { Clock } from '../clock.ts';
import type { DeviceSource } from '../engines.ts';

/** What a device is asked to do, as far as it takes time. */
const WORK: ReadonlySet<PropertyKey> = new Set(['run', 'write', 'upload', 'read']);

/**
 * Time that only the work of devices moves on, a millisecond an operation: a run on it takes the same rounds, shows the
 * same rows and ends the same on every machine, however busy.
 */
export function virtualTime(msPerOperation = 1): {
  readonly clock: Clock;
  readonly pass: (ms: number) => void;
  readonly on: (device: Device) => Device;
  readonly source: (inner: DeviceSource) => DeviceSource;
} {
  let time = 0;
  const pass = (ms: number): void => {
    time += ms;
  };
  const on = (device: Device): Device =>
    new Proxy(device, {
      get(target, property) {
        const value = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (WORK.has(property)) pass(msPerOperation);
          return value.apply(target, args);
        };
      },
      set: (target, property, value) => Reflect.set(target, property, value, target),
    });
  return {
    clock: { now: () => time, stepMs: 1e-4 },
    pass,
    on,
    source: ({ names, create }) => ({ names, create: async (name) => on(await create(name)) }),
  };
}
