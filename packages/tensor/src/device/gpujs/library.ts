import { DeviceError } from '../../errors.ts';

/** The part of gpu.js this package uses. */
export interface GpujsLibrary {
  readonly GPU: GpujsConstructor;
  readonly input: (value: Float32Array, size: readonly number[]) => GpujsInput;
}

export interface GpujsConstructor {
  new (settings: { readonly mode: string; readonly canvas?: unknown; readonly context?: unknown }): Gpujs;
  readonly isHeadlessGLSupported: boolean;
  readonly isWebGL2Supported: boolean;
  readonly isWebAssemblySupported: boolean;
  readonly isWebGPUSupported: boolean;
}

export interface Gpujs {
  createKernel(source: string, settings: object): GpujsKernel;
  destroy(): Promise<void>;
  readonly context: unknown;
}

/** A flat array argument. `value` may be replaced by a shorter array: only that much is copied. */
export interface GpujsInput {
  value: Float32Array;
  readonly size: readonly number[];
}

/** A compiled kernel: callable, and the backend behind it. */
export interface GpujsKernel {
  (...args: unknown[]): unknown;
  readonly kernel: GpujsBackend;
  destroy(): void;
}

export interface GpujsBackend {
  readonly constructor: { readonly mode: string };
  readonly fallbackReason: string | null;
  /** webasm and webgpu: turns the flat result into nested arrays. */
  _shapeOutput?: (data: Float32Array) => unknown;
  /** WebGL: what it draws with. */
  readonly context?: unknown;
  /** WebGL: textures that are deleted with the kernel. */
  readonly textureCache?: WebGLTexture[];
}

export const isNode = typeof process !== 'undefined' && !!process.versions?.node;

let loading: Promise<GpujsLibrary> | undefined;

/**
 * Loads gpu.js when the first `gpujs:*` device is asked for.
 *
 * @throws {DeviceError} saying how to install it, if it is not there.
 */
export async function loadGpujs(device: string): Promise<GpujsLibrary> {
  loading ??= import('gpu.js').then((module) => {
    const named = module as unknown as Partial<GpujsLibrary> & { readonly default?: GpujsLibrary };
    return named.GPU ? (named as GpujsLibrary) : named.default!;
  });
  try {
    return await loading;
  } catch (error) {
    loading = undefined;
    throw new DeviceError(
      device,
      'needs the package gpu.js, which is an optional peer of @headwise/tensor',
      [error instanceof Error ? error.message.split('\n')[0]! : String(error)],
      gpujsCure,
    );
  }
}

export const gpujsCure =
  'Install it with `npm i --ignore-scripts gpu.js@^2.24.1` (126 MB; --ignore-scripts leaves out the native build of its `gl`).';
