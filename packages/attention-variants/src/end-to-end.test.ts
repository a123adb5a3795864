import { createDevice, createReference, type Device } from '@headwise/tensor';
import { assertClose, randomIndex, seeded } from '@headwise/tensor/testing';
import { afterAll, describe, expect, it } from 'vitest';
import type { ConfiguredVariant } from './configure.ts';
import { variants } from './registry.ts';
import { smallConfigurations } from './testing/configurations.ts';
import { createMiniDecoder } from './testing/decoder.ts';

const shape = { E: 8, H: 4, D: 4, layers: 4 };
const prompt = [3, 1, 4, 15, 9, 2, 6, 5, 35];
// no token twice: a choice by content would be between keys that differ in their last bit alone, if at all
const tokens = [...prompt, ...Array.from({ length: 100 }, (_, i) => 50 + ((i * 7 + 3) % 101))];
const configurations = smallConfigurations();

/**
 * After how many tokens everything is computed again: where there is time after each. Else after each of the first eight,
 * past every small window and chunk, and after one of each twenty, drawn by a fixed seed; what a cache once has wrong it keeps.
 */
const lengths =
  process.env.HEADWISE_LONG === '1' ? tokens.map((_, i) => i + 1).slice(prompt.length - 1) : drawnLengths();

function drawnLengths(): readonly number[] {
  const pick = randomIndex(7);
  const early = Array.from({ length: 8 }, (_, i) => prompt.length + i);
  const later = Array.from({ length: 5 }, (_, i) => tokens.length - 20 * i - pick(20));
  return [...new Set([...early, ...later, tokens.length])].sort((a, b) => a - b);
}

const devices: ReadonlyMap<string, Device> = new Map([
  ['reference', createReference()],
  ['gpujs:webasm', await createDevice('gpujs:webasm')],
]);
afterAll(() => {
  for (const device of devices.values()) device.dispose();
});

it('runs every variant of the registry', () => {
  const run = new Set(configurations.map(({ attention }) => attention.name));
  expect([...run].sort()).toEqual(Object.keys(variants).sort());
});

describe.each(configurations)('four layers of $label', ({ attention }) => {
  let wanted: Float32Array | undefined;
  it.each([
    ['reference', { atol: 1e-6, rtol: 1e-5 }],
    ['gpujs:webasm', { atol: 2e-4, rtol: 1e-3 }],
  ])('prefill and 100 decode steps equal recomputing everything, on %s', async (name, tolerance) => {
    wanted ??= await recomputed(attention);
    assertClose(await decoded(devices.get(name)!, attention), wanted, tolerance);
  });
});

/** The last hidden row after so many tokens, every time from nothing. */
async function recomputed(attention: ConfiguredVariant): Promise<Float32Array> {
  const device = createReference();
  const source = seeded(device, [1, 5, shape.E], 5);
  const rows: number[] = [];
  for (const length of lengths) {
    const decoder = createMiniDecoder(device, attention, shape, { source });
    rows.push(...(await decoder.step(tokens.slice(0, length))).slice(-shape.E));
    decoder.dispose();
  }
  return Float32Array.from(rows);
}

/** The same rows from a prefill and a step a token, and what was made is freed. */
async function decoded(device: Device, attention: ConfiguredVariant): Promise<Float32Array> {
  const before = device.memory.buffers;
  const source = seeded(device, [1, 5, shape.E], 5);
  const decoder = createMiniDecoder(device, attention, shape, { source });
  const rows: Float32Array[] = [(await decoder.step(prompt)).slice(-shape.E)];
  for (const token of tokens.slice(prompt.length)) rows.push(await decoder.step([token]));
  decoder.dispose();
  source.dispose();
  expect(device.memory.buffers).toBe(before);
  expect(rows.every((row) => row.every(Number.isFinite))).toBe(true);
  return Float32Array.from(lengths.flatMap((length) => [...rows[length - prompt.length]!]));
}
