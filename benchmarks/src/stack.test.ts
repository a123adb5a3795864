import { variants } from '@headwise/attention-variants/registry';
import { kv } from '@headwise/kv-cache';
import { createReference } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { Stack, specsOf } from './stack.ts';
import { chooseSubjects } from './subjects.ts';

const shape = { E: 16, H: 4, D: 4, layers: 2 };
const subjects = chooseSubjects(variants).map(({ facts, variant }) => [facts.name, variant] as const);

describe.each(subjects)('%s', (_, variant) => {
  const make = (capacity: number) => {
    const device = createReference();
    return { device, stack: new Stack({ device, variant, shape, B: 2, capacity, seed: 1 }) };
  };

  it('allocates what kv() computes, to the byte', () => {
    const { stack } = make(24);
    expect(stack.stateBytes).toBe(kv(specsOf(variant, shape)).deviceBytes({ capacity: 24, B: 2 }));
  });

  it('is as long as it was filled, whatever was in it before', () => {
    const { stack } = make(24);
    const x = stack.input(1);
    for (const tokens of [23, 19, 0, 23, 0, 19]) {
      stack.fill(tokens);
      stack.runOnly(x, stack.positions(tokens, 1));
      // a source is read once, and does not grow with the text
      const length = variant.variant.needsSource ? Math.max(1, tokens) : tokens + 1;
      expect(stack.states.map((state) => state.length)).toEqual([length, length]);
    }
    stack.dispose();
  });

  it('gives the same step after every refill, and frees all it made', async () => {
    const { device, stack } = make(24);
    const x = stack.input(1);
    const positions = stack.positions(23, 1);
    const step = async () => {
      stack.fill(23);
      const outputs = stack.run(x, positions);
      const values = await Promise.all(outputs.map((output) => output.data()));
      for (const output of outputs) output.dispose();
      return values;
    };
    const first = await step();
    expect(first).toHaveLength(2);
    expect(first.flatMap((values) => [...values]).every(Number.isFinite)).toBe(true);
    expect(await step()).toEqual(first);
    const live = device.memory.liveBytes;
    await step();
    expect(device.memory.liveBytes).toBe(live);
    stack.dispose();
    expect(device.memory.liveBytes).toBe(0);
  });
});
