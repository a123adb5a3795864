import { expect, it } from 'vitest';
import { DeviceError } from '../../errors.ts';
import { KernelCache, kernelFailed } from './compile.ts';
import type { Gpujs } from './library.ts';

/** A gpu.js that makes kernels which do nothing, and says which of them live. */
function fakeGpu() {
  const live: string[] = [];
  const gpu = {
    createKernel(source: string) {
      live.push(source);
      return Object.assign(() => undefined, {
        kernel: {},
        destroy: () => live.splice(live.indexOf(source), 1),
      });
    },
  };
  return { gpu: gpu as unknown as Gpujs, live };
}

function cacheOf(options: { mostKernels?: number; mostBytes?: number }) {
  const { gpu, live } = fakeGpu();
  const cache = new KernelCache(gpu, 'webasm', options);
  const use = (source: string, bytes: number) =>
    cache.get({ name: source, source, args: [], length: 1 }, [], '', bytes);
  return { cache, live, use };
}

it('destroys the kernels used least recently when together they hold too many bytes', () => {
  const { live, use } = cacheOf({ mostBytes: 100 });
  use('a', 40);
  use('b', 40);
  use('a', 40);
  expect(live).toEqual(['a', 'b']);
  use('c', 40);
  expect(live).toEqual(['a', 'c']);
  use('d', 20);
  expect(live).toEqual(['a', 'c', 'd']);
});

it('counts what a destroyed kernel held no more', () => {
  const { live, use } = cacheOf({ mostBytes: 100 });
  for (let round = 0; round < 50; round++) use(`large ${round}`, 60);
  expect(live).toEqual(['large 49']);
  use('small', 40);
  expect(live).toEqual(['large 49', 'small']);
});

it('keeps a kernel that is larger than all bytes allowed, alone', () => {
  const { live, use } = cacheOf({ mostBytes: 100 });
  use('a', 10);
  use('huge', 1000);
  expect(live).toEqual(['huge']);
  const { run } = use('huge', 1000);
  expect(run).toBe(use('huge', 1000).run);
});

it('holds so many kernels and no more', () => {
  const { cache, live, use } = cacheOf({ mostKernels: 3 });
  for (const source of ['a', 'b', 'c', 'd', 'b', 'e']) use(source, 1);
  expect(live).toEqual(['b', 'd', 'e']);
  expect(cache.size).toBe(3);
  cache.dispose();
  expect(live).toEqual([]);
  expect(cache.size).toBe(0);
});

it('counts from nothing after it was emptied', () => {
  const { cache, live, use } = cacheOf({ mostBytes: 100 });
  use('a', 90);
  cache.dispose();
  use('b', 50);
  use('c', 50);
  expect(live).toEqual(['b', 'c']);
});

it('compiles again for whatever is baked into a kernel, and for nothing else', () => {
  const { cache } = cacheOf({});
  const step = { name: 'a', source: 'a', args: [], length: 6, threads: [2, 3], constants: { n: 1 } } as const;
  const { run } = cache.get(step, ['Array'], 'x', 1);
  expect(cache.get({ ...step, name: 'another name' }, ['Array'], 'x', 1).run).toBe(run);
  for (const [other, types, signature] of [
    [{ ...step, source: 'b' }, ['Array'], 'x'],
    [{ ...step, helpers: ['function f() {}'] }, ['Array'], 'x'],
    [{ ...step, constants: { n: 2 } }, ['Array'], 'x'],
    [{ ...step, threads: [3, 2] as const }, ['Array'], 'x'],
    [{ ...step, threads: [6] as const }, ['Array'], 'x'],
    [step, ['NumberTexture'], 'x'],
    [step, ['Array'], 'y'],
  ] as const) {
    const before = cache.size;
    expect(cache.get(other, types, signature, 1).run).not.toBe(run);
    expect(cache.size).toBe(before + 1);
  }
});

it('says what gpu.js cannot run: the kernel, and the operation where it is one', () => {
  const step = { name: 'numbers in order', source: 'function () {}', args: [], length: 1 };
  const failed = (error: unknown, op?: string) => kernelFailed('webasm', step, error, op).message;
  expect(failed(new Error('no loops\nat all'), 'linear')).toBe(
    'gpujs:webasm: gpu.js cannot run kernel "numbers in order" of linear\n  - no loops\n  - at all',
  );
  expect(failed('no loops')).toBe('gpujs:webasm: gpu.js cannot run kernel "numbers in order"\n  - no loops');
  const ours = new DeviceError('gpujs:webasm', 'it is too large');
  expect(kernelFailed('webasm', step, ours, 'linear')).toBe(ours);
});
