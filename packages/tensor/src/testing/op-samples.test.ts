import { expect, it } from 'vitest';
import type { Op } from '../contracts/device.ts';
import * as everything from '../index.ts';
import { opSamples } from './op-samples.ts';

it('has a sample of every operation of the package, with arguments that it takes', () => {
  const exported = Object.entries(everything).flatMap(([name, value]) =>
    name.endsWith('Op') && typeof value === 'object' ? [(value as Op).name] : [],
  );
  expect(opSamples.map(({ op }) => op.name).sort()).toEqual(exported.sort());
  for (const { op, inputs, params } of opSamples) {
    expect(() => op.outputs(inputs, params), op.name).not.toThrow();
    for (const name of Object.keys(op.dtypes ?? {})) expect(inputs, op.name).toHaveProperty(name);
    for (const [name, { dtype }] of Object.entries(inputs))
      expect([dtype, 'any'], `${op.name}: ${name}`).toContain(op.dtypes?.[name] ?? 'f32');
  }
});
