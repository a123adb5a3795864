import { expect, it } from 'vitest';
import { availableBytes, machineFacts } from './machine.ts';

it('knows this machine', () => {
  const facts = machineFacts();
  expect(facts.cpu).not.toBe('');
  expect(facts.cores).toBeGreaterThanOrEqual(1);
  expect(facts.runtime).toContain(process.versions.node);
  expect(facts.versions['gpu.js']).toMatch(/^\d+\.\d+\.\d+/);
  expect(Object.keys(facts.versions)).toHaveLength(5);
  if (facts.commit !== undefined) expect(facts.commit).toMatch(/^[0-9a-f]{40}$/);
  expect(availableBytes()).toBeGreaterThan(2 ** 20);
  expect(availableBytes()).toBeLessThanOrEqual(facts.memoryBytes!);
});
