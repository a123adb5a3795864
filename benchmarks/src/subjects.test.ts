import { variants } from '@headwise/attention-variants/registry';
import { describe, expect, it } from 'vitest';
import { chooseSubjects } from './subjects.ts';

const [first, second, third] = Object.keys(variants) as [string, string, string];
const outside = {
  variant: { ...Object.values(variants)[1]!, name: 'mine', title: 'Mine (MY)' },
  file: './mine.ts',
};

describe('chooseSubjects', () => {
  it('takes the whole registry, the first as baseline', () => {
    const subjects = chooseSubjects(variants);
    expect(subjects.map(({ facts }) => facts.name)).toEqual(Object.keys(variants));
    expect(subjects.filter(({ facts }) => facts.baseline).map(({ facts }) => facts.name)).toEqual([first]);
  });

  it('keeps the place in the registry whichever are chosen, so that colours do not change', () => {
    const [a, b] = chooseSubjects(variants, { names: [third, second] });
    expect([a!.facts, b!.facts].map(({ name, order }) => [name, order])).toEqual([
      [second, 1],
      [third, 2],
    ]);
    expect(a!.facts.baseline).toBe(true);
  });

  it('adds the baseline that was asked for, and a variant from outside after the registry', () => {
    const subjects = chooseSubjects(variants, { names: [second], baseline: third, outside: [outside] });
    expect(subjects.map(({ facts }) => [facts.name, facts.baseline, facts.outside])).toEqual([
      [second, false, false],
      [third, true, false],
      ['mine', false, true],
    ]);
  });

  it('lists the known when a name is unknown', () => {
    const known = Object.keys(variants).join(', ');
    const message = `unknown variant "multihead"; known: ${known}. A file of your own: --variant ./mine.ts`;
    expect(() => chooseSubjects(variants, { names: ['multihead'] })).toThrow(message);
    expect(() => chooseSubjects(variants, { baseline: 'multihead' })).toThrow(message);
  });

  it('refuses a variant from outside that takes a name of the registry', () => {
    const clash = { ...outside, variant: { ...outside.variant, name: first } };
    expect(() => chooseSubjects(variants, { outside: [clash] })).toThrow(
      `two variants are called ${first}; give the one from outside another name`,
    );
  });
});
