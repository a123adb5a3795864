import type { Device } from '../../contracts/device.ts';
import { DeviceError } from '../../errors.ts';
import { GpujsDevice } from './device.ts';
import type { Engine } from './engine.ts';
import { GlEngine } from './gl-engine.ts';
import { HostEngine } from './host-engine.ts';
import { type Gpujs, type GpujsLibrary, isNode, loadGpujs } from './library.ts';
import { offerWebgpu } from './node-webgpu.ts';
import type { GpujsMode } from './plan.ts';
import { WebgpuEngine } from './webgpu-engine.ts';

/** How to get a mode that does not work here. */
const cures: Readonly<Record<GpujsMode, string>> = {
  cpu: 'It runs wherever JavaScript does.',
  webasm: 'Use a browser or Node that has WebAssembly.',
  headlessgl:
    'In Node: `npm i gl` (a native build; it needs a C++ compiler and X11 and GL headers), and a display: `xvfb-run node …`.',
  webgl2: 'Use a browser with WebGL 2 and EXT_color_buffer_float; in Node, gpujs:headlessgl.',
  webgpu: isNode
    ? '`npm i webgpu@0.6.2`, and a driver: Vulkan, Metal or Direct3D 12.'
    : 'Use a browser with WebGPU on a page served from https or localhost, with a GPU that it does not block.',
};

/**
 * A gpu.js mode as a device.
 *
 * @throws {DeviceError} if gpu.js is not installed or the mode does not work here, with the reason and the cure.
 */
export async function createGpujs(mode: GpujsMode): Promise<Device> {
  const device = `gpujs:${mode}`;
  if (mode === 'webgpu' && isNode) await offerWebgpu(device, cures.webgpu);
  const library = await loadGpujs(device);
  const reason = whyNot(library, mode);
  if (reason) throw new DeviceError(device, 'does not work here', [reason], cures[mode]);
  const gpu = new library.GPU({ mode });
  try {
    return new GpujsDevice(await start(library, gpu, mode), () => {
      // in cpu and webasm there is nothing to wait for, and a destroyed context is nobody's concern
      gpu.destroy().catch(() => {});
    });
  } catch (error) {
    if (DeviceError.isInstance(error)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new DeviceError(device, 'does not work here', [message], cures[mode]);
  }
}

async function start(library: GpujsLibrary, gpu: Gpujs, mode: GpujsMode): Promise<Engine> {
  const details = { engine: 'gpu.js', mode };
  if (mode === 'cpu' || mode === 'webasm') return new HostEngine(library, gpu, mode, details);
  if (mode === 'webgpu') return WebgpuEngine.create(gpu, details);
  return new GlEngine(gpu, mode, details);
}

/** What stands in the way of a mode, as far as it can be told without trying. */
function whyNot({ GPU }: GpujsLibrary, mode: GpujsMode): string | undefined {
  if (mode === 'webasm' && !GPU.isWebAssemblySupported) return 'there is no WebAssembly';
  if (mode === 'headlessgl' && !GPU.isHeadlessGLSupported)
    return isNode
      ? 'the package gl is not installed, was not built, or finds no display'
      : 'it is for Node; this is a browser';
  if (mode === 'webgl2' && !GPU.isWebGL2Supported)
    return isNode ? 'Node has no WebGL 2' : 'this browser gives no WebGL 2 context';
  if (mode === 'webgpu' && !GPU.isWebGPUSupported) return 'navigator.gpu is missing';
  return undefined;
}
