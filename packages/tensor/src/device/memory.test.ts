import { expect, it } from 'vitest';
import { tensor } from '../tensor.ts';
import { MemoryLedger } from './memory.ts';
import { createReference } from './reference.ts';

it('counts what lives, and the most there was since the peak was reset', () => {
  const ledger = new MemoryLedger('mine');
  const [a, b] = [
    { dtype: 'f32', length: 10 },
    { dtype: 'f32', length: 5, bytes: 7 },
  ] as const;
  ledger.add(a);
  ledger.add(b);
  expect(ledger.counters).toEqual({ liveBytes: 47, peakBytes: 47, buffers: 2 });
  ledger.remove(b);
  expect(ledger.counters).toEqual({ liveBytes: 40, peakBytes: 47, buffers: 1 });
  // what still lives is the least that the next peak can be
  ledger.resetPeak();
  expect(ledger.counters.peakBytes).toBe(40);
  ledger.add(b);
  expect(ledger.counters.peakBytes).toBe(47);
  ledger.clear();
  expect(ledger.counters).toEqual({ liveBytes: 0, peakBytes: 47, buffers: 0 });
  expect(() => ledger.remove(a)).toThrow('mine: free was given a buffer that is not live on this device');
});

it('a device begins its peak at what it holds', () => {
  const device = createReference();
  const kept = tensor(device, new Float32Array(8), [8]);
  tensor(device, new Float32Array(100), [100]).dispose();
  device.resetPeak();
  expect(device.memory.peakBytes).toBe(32);
  kept.dispose();
  device.dispose();
});
