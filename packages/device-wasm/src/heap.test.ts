import { seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { Heap } from './heap.ts';

const MiB = 2 ** 20;
const create = (options: { limit?: number; guard?: number } = {}) =>
  new Heap(new WebAssembly.Memory({ initial: 1, maximum: 4096 }), options);

it('hands out aligned pieces that do not overlap, and takes them all back', () => {
  const heap = create();
  const live = new Map<number, number>();
  for (const [n, x] of seededValues(4000, 1).entries()) {
    if (x < 0 && live.size > 0) {
      const address = [...live.keys()][n % live.size]!;
      live.delete(address);
      heap.free(address);
    } else {
      const bytes = Math.floor(x * x * 20_000);
      const address = heap.allocate(bytes);
      expect(address % 64).toBe(0);
      for (const [other, size] of live)
        expect(address >= other + size || address + bytes <= other).toBe(true);
      live.set(address, bytes);
    }
  }
  for (const address of live.keys()) heap.free(address);
  expect(heap.used).toBe(0);
  const before = heap.memory.buffer.byteLength;
  heap.free(heap.allocate(before - 65536 - 64));
  expect(heap.memory.buffer.byteLength).toBe(before);
});

it('grows, and refuses what lies beyond its limit, leaving everything as it was', () => {
  const heap = create({ limit: 8 * MiB });
  const first = heap.allocate(6 * MiB);
  expect(() => heap.allocate(4 * MiB)).toThrowErrorMatchingInlineSnapshot(`
    [DeviceError: wasm: cannot allocate 4 MiB: the heap would end at 10 MiB of at most 8 MiB
      - WebAssembly memory has 32-bit addresses: 4 GiB for everything a device holds
      Dispose what is not needed, store weights in fewer bits with packWeights(), or use a second device.]
  `);
  expect(heap.used).toBe(6 * MiB);
  heap.free(first);
  heap.free(heap.allocate(7 * MiB));
});

it('refuses an address it did not give, or gave back', () => {
  const heap = create();
  const address = heap.allocate(10);
  heap.free(address);
  expect(() => heap.free(address)).toThrow('is not allocated');
});

it.each([-1, 10])('sees a write beside a piece (offset %i)', (offset) => {
  const heap = create({ guard: 64 });
  const address = heap.allocate(10);
  heap.views.u8.fill(7, address, address + 10);
  heap.check();
  heap.views.u8[address + offset] = 7;
  expect(() => heap.check()).toThrow('wrote outside its buffer');
});

it('refuses what the memory itself cannot grow to, page by page at the end', () => {
  const heap = new Heap(new WebAssembly.Memory({ initial: 1, maximum: 20 }));
  const most = 19 * 65536; // the first page is not handed out
  expect(() => heap.allocate(most + 64)).toThrow('cannot allocate 1 MiB');
  const address = heap.allocate(most);
  expect(heap.memory.buffer.byteLength).toBe(20 * 65536);
  expect(() => heap.allocate(64)).toThrow('cannot allocate');
  expect(heap.used).toBe(most);
  heap.free(address);
  heap.allocate(most);
});
