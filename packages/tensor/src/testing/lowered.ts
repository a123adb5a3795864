import type { Device, Op } from '../contracts/device.ts';

/**
 * A device as it is, but for some operations that it says it has no kernel for: `run` then takes their compositions.
 * For tests of a composition against the operation's own reference. Never throws.
 */
export function withoutKernels(device: Device, ...ops: readonly Op[]): Device {
  const names = new Set(ops.map(({ name }) => name));
  return {
    name: device.name,
    precision: device.precision,
    details: device.details,
    get ran() {
      return device.ran;
    },
    get memory() {
      return device.memory;
    },
    allocate: (length, dtype) => device.allocate(length, dtype),
    ...(device.store && { store: (shape, format, source) => device.store!(shape, format, source) }),
    upload: (data) => device.upload(data),
    read: (buffer, start, end) => device.read(buffer, start, end),
    write: (target, offset, source, sourceOffset, length) =>
      device.write(target, offset, source, sourceOffset, length),
    run: (call) => device.run(call),
    supports: (op, inputs, params) =>
      names.has(op.name) ? ['it is to be composed'] : device.supports(op, inputs, params),
    free: (buffer) => device.free(buffer),
    resetPeak: () => device.resetPeak(),
    settled: () => device.settled(),
    dispose: () => device.dispose(),
  };
}
