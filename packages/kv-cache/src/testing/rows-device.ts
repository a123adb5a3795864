import {
  checkRange,
  createReference,
  type Device,
  type DeviceBuffer,
  type RowFormat,
  sizeOf,
} from '@headwise/tensor';

/**
 * The reference with rows in fewer bits, as far as caches can tell: it refuses the numbers that a format has no room
 * for, as every device must, and keeps the others as they are.
 */
export function createRowsDevice(): Device {
  const device = createReference();
  const kept = new WeakMap<DeviceBuffer, { readonly format: RowFormat; readonly width: number }>();
  const write = device.write.bind(device);
  return Object.assign(device, {
    store(shape: readonly number[], format: RowFormat): DeviceBuffer {
      const buffer = device.allocate(sizeOf(shape), 'f32');
      kept.set(buffer, { format, width: shape.at(-1)! });
      return buffer;
    },
    write(...[target, offset, source, from = 0, length]: Parameters<Device['write']>): void {
      const rows = kept.get(target);
      const values = 'data' in source ? (source.data as Float64Array) : (source as Float32Array);
      const end = length === undefined ? undefined : from + length;
      if (rows) checkRange('write', 'source', values.subarray(from, end), rows.width, rows.format);
      write(target, offset, source, from, length);
    },
  });
}
