import {
  createReference,
  type Device,
  type DeviceBuffer,
  largestIn,
  type RowFormat,
  ValueError,
} from '@headwise/tensor';

/**
 * The reference with rows in fewer bits, as far as caches can tell: it refuses the numbers that a format has no room
 * for, as every device must, and keeps the others as they are.
 */
export function createRowsDevice(): Device {
  const device = createReference();
  const formats = new WeakMap<DeviceBuffer, RowFormat>();
  const write = device.write.bind(device);
  return Object.assign(device, {
    allocateRows(rows: number, width: number, format: RowFormat): DeviceBuffer {
      const buffer = device.allocate(rows * width, 'f32');
      formats.set(buffer, format);
      return buffer;
    },
    write(...[target, offset, source, from = 0, length]: Parameters<Device['write']>): void {
      const format = formats.get(target);
      const values = 'data' in source ? (source.data as Float64Array) : (source as Float32Array);
      const end = length === undefined ? undefined : from + length;
      const over =
        format &&
        values.subarray(from, end).find((x) => Math.abs(x) > largestIn(format) && Math.abs(x) < Infinity);
      if (over !== undefined) throw new ValueError('write', 'source', `does not fit ${format}`, over);
      write(target, offset, source, from, length);
    },
  });
}
