import { variants } from '@headwise/attention-variants/registry';
import { createReference, type Device } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { casesFor, checkOnDevice, ReferenceAnswers } from './check.ts';
import { chooseSubjects } from './subjects.ts';
import { type Fault, faultyDevice } from './testing/faulty-device.ts';

const shape = { E: 16, H: 4, D: 4, layers: 2 };
const subjects = chooseSubjects(variants);
const answers = new ReferenceAnswers(createReference());

const checkOn = (device: Device, phase: 'prefill' | 'decode' = 'prefill', index = 0) => {
  const { variant } = subjects[index]!;
  const cases = casesFor(variant, shape, 1, phase, [8, 16], 1e6);
  return checkOnDevice(device, answers, variant, { shape, B: 1, seed: 1, cases });
};
const checkWith = (fault: Fault, phase: 'prefill' | 'decode' = 'prefill') =>
  checkOn(faultyDevice(fault), phase);

describe('casesFor', () => {
  const [{ variant }] = subjects as [(typeof subjects)[0]];

  it('covers every timed length, and odd ones', () => {
    const lengths = casesFor(variant, shape, 1, 'prefill', [8, 16], 1e9).map(({ before, L }) => before + L);
    expect(lengths).toEqual(expect.arrayContaining([8, 16]));
    expect(lengths.some((length) => length % 2 === 1)).toBe(true);
    const decodes = casesFor(variant, shape, 1, 'decode', [8, 16], 1e9);
    expect(decodes.map(({ before, L }) => [before, L])).toEqual([
      [7, 1],
      [15, 1],
      [8, 1],
    ]);
  });

  it('checks a prefill that is too large for the reference at its full length, by its last queries', () => {
    const cases = casesFor(variant, shape, 1, 'prefill', [8, 4096], 1e6);
    expect(cases[1]).toEqual({ phase: 'prefill', before: 4088, L: 8 });
  });
});

describe('checkOnDevice', () => {
  it.each(subjects.map(({ facts }, index) => [facts.name, index] as const))(
    '%s passes on a device that computes right',
    async (_, index) => {
      for (const phase of ['prefill', 'decode'] as const) {
        const report = await checkOn(faultyDevice(), phase, index);
        expect(report.reason).toBeUndefined();
        expect(report.cases.length).toBeGreaterThanOrEqual(3);
      }
    },
  );

  it('passes float32 rounding and reports it', async () => {
    const report = await checkWith({
      spoil: (_, result) => {
        for (let i = 0; i < result.length; i++) result[i] = Math.fround(result[i]!);
      },
    });
    expect(report.passed).toBe(true);
    expect(report.worst).toBeGreaterThan(0);
    expect(report.worst).toBeLessThan(1e-5);
  });

  it.each<[string, Fault['spoil']]>([
    ['one value that is off', ({ op }, result) => op.name === 'attention' && (result[3]! += 0.01)],
    ['a NaN', ({ op }, result) => op.name === 'attention' && (result[result.length - 1] = Number.NaN)],
    [
      'a last layer that is off',
      ({ op, outputs }, result) =>
        op.name === 'linear' && outputs[0]!.shape[2] === 16 && (result[0]! *= 1.01),
    ],
  ])('fails %s, naming the place', async (_, spoil) => {
    for (const phase of ['prefill', 'decode'] as const) {
      const report = await checkWith({ ...(spoil && { spoil }) }, phase);
      expect(report.passed).toBe(false);
      expect(report.reason).toMatch(
        new RegExp(
          `^differs from the reference at ${phase} \\d+( whole)?, layer \\d, y\\[\\d+, \\d+\\]: got [-\\d.eNa]+, want [-\\d.e]+ \\(\\d+ of \\d+ values`,
        ),
      );
    }
  });

  it('fails a device that throws, in its words', async () => {
    const report = await checkWith({
      before: ({ op }) => {
        if (op.name === 'attention') throw new Error('the shader did not compile');
      },
    });
    expect(report.reason).toBe('threw at prefill 8 whole: the shader did not compile');
  });
});
