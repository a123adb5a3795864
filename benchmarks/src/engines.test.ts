import { createReference, DeviceError } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { assertRan, type DeviceSource, isEmulated, openEngines } from './engines.ts';
import { faultyDevice } from './testing/faulty-device.ts';

const source: DeviceSource = {
  names: ['reference', 'gpujs:webgpu', 'gpujs:webgl2'],
  create: async (name) => {
    if (name === 'gpujs:webgpu')
      throw new DeviceError(name, 'does not work here', ['no adapter'], 'Use a GPU.');
    return name === 'reference'
      ? createReference()
      : faultyDevice({ name, details: { adapter: 'llvmpipe' } });
  },
};

describe('openEngines', () => {
  it('lists the known devices when one is unknown', async () => {
    await expect(openEngines(['reference', 'gpu'], source)).rejects.toThrow(
      'unknown device "gpu"; known: reference, gpujs:webgpu, gpujs:webgl2',
    );
  });

  it('goes on without a device that is not there, with its reason and cure', async () => {
    const { engines, missing } = await openEngines(['gpujs:webgpu', 'reference', 'reference'], source);
    expect(engines.map(({ name }) => name)).toEqual(['reference']);
    expect(missing[0]!.unavailable).toBe('gpujs:webgpu: does not work here\n  - no adapter\n  Use a GPU.');
  });

  it('refuses when none is there', async () => {
    await expect(openEngines(['gpujs:webgpu'], source)).rejects.toThrow(
      /^none of the devices works here:\n {2}gpujs:webgpu: gpujs:webgpu: does not work here/,
    );
  });

  it('labels a software GPU, by what the device says or by the name of its adapter', async () => {
    const { engines } = await openEngines(['gpujs:webgl2', 'reference'], source);
    expect(engines.map(({ emulated }) => emulated)).toEqual([true, false]);
    expect(isEmulated({ details: { emulated: 'true' } })).toBe(true);
    expect(isEmulated({ details: { adapter: 'Google SwiftShader (Subzero)' } })).toBe(true);
    expect(isEmulated({ details: { adapter: 'NVIDIA H100' } })).toBe(false);
  });
});

describe('assertRan', () => {
  const engine = (name: string, ran: string | undefined) => ({ name, device: { ran } as never });

  it('passes what was asked for', () => {
    expect(assertRan(engine('gpujs:webasm', 'webasm'))).toBe('webasm');
    expect(assertRan(engine('reference', 'reference'))).toBe('reference');
    expect(assertRan(engine('wasm', 'simd128'))).toBe('simd128');
    expect(() => assertRan(engine('wasm', 'cpu'))).toThrow('wasm was asked for, cpu ran');
  });

  it('refuses another engine, or none', () => {
    expect(() => assertRan(engine('gpujs:webgpu', 'cpu'))).toThrow('gpujs:webgpu was asked for, cpu ran');
    expect(() => assertRan(engine('gpujs:webgpu', undefined))).toThrow(
      'gpujs:webgpu reports no engine that ran',
    );
  });
});
