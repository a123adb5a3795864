import { DeviceError } from '../../errors.ts';

interface WebgpuPackage {
  create(flags: readonly string[]): unknown;
  readonly globals: Readonly<Record<string, unknown>>;
}

/**
 * Gives Node a `navigator.gpu` from the `webgpu` package, unless there is one; gpu.js looks for it there.
 *
 * @throws {DeviceError} if the package is not installed or its native part does not load.
 */
export async function offerWebgpu(device: string, cure: string): Promise<void> {
  const scope = globalThis as { navigator?: { gpu?: unknown } };
  if (scope.navigator?.gpu) return;
  // by variable, so that no bundler follows it
  const name = 'webgpu';
  let webgpu: WebgpuPackage;
  try {
    webgpu = (await import(/* @vite-ignore */ name)) as WebgpuPackage;
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    throw new DeviceError(device, 'Node has no WebGPU of its own', [`the package webgpu: ${message}`], cure);
  }
  Object.assign(globalThis, webgpu.globals);
  const gpu = webgpu.create([]);
  if (scope.navigator) Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  else Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
}
