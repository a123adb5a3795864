import { type Device, type Tensor, tensor } from '@headwise/tensor';

/** What is below is −Infinity: not every GPU compares with infinity itself. */
export const LEAST = -3e38;

/** One number, for `binary`. @throws {DeviceError} if the device has no room. */
export function number(device: Device, value: number): Tensor {
  return tensor(device, [value], []);
}

/** 0, 1, … `[size]`. @throws {DeviceError} if the device has no room. */
export function counting(device: Device, size: number): Tensor {
  return tensor(
    device,
    Float32Array.from({ length: size }, (_, n) => n),
    [size],
  );
}
