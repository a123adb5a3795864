import type { DeviceBuffer, Recording } from './contracts/device.ts';
import { isObserved } from './op.ts';
import { scope } from './scope.ts';
import { type AnyAxes, Tensor } from './tensor.ts';

/**
 * Runs a step through a recording, or lets the device do it again by itself. Under a gradient tape or a watcher, who are to
 * see every operation, it runs as it comes.
 *
 * @param shape of what the step makes
 * @param work makes one tensor; what else it makes is freed
 * @throws {DeviceError} if the device is disposed, a kernel fails or there is no room; and what the work throws.
 */
export function recorded<Axes extends string = AnyAxes>(
  recording: Recording,
  shape: readonly number[],
  work: () => Tensor<Axes>,
): Tensor<Axes> {
  if (isObserved()) return scope(work);
  let made: Tensor<Axes> | undefined;
  const buffer: DeviceBuffer = recording.run(() => {
    made = scope(work);
    return made.use('record');
  });
  return made ?? new Tensor<Axes>(recording.device, buffer, shape);
}
