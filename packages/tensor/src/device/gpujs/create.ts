import { DeviceError } from '../../errors.ts';
import type { Device } from '../device.ts';
import { GpujsDevice } from './device.ts';
import { HostEngine } from './host-engine.ts';
import { loadGpujs } from './library.ts';
import type { GpujsMode } from './plan.ts';

/**
 * A gpu.js mode as a device.
 *
 * @throws {DeviceError} if gpu.js is not installed or the mode does not work here, with the reason and the cure.
 */
export async function createGpujs(mode: GpujsMode): Promise<Device> {
  const device = `gpujs:${mode}`;
  const library = await loadGpujs(device);
  if (mode === 'cpu' || mode === 'webasm') {
    const gpu = new library.GPU({ mode });
    return new GpujsDevice(new HostEngine(library, gpu, mode, { engine: 'gpu.js', mode }), () => {
      void gpu.destroy();
    });
  }
  throw new DeviceError(device, 'is not there yet');
}
