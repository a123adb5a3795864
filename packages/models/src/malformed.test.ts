import { describe, expect, it } from 'vitest';
import { cases, endlessCases } from './testing/malformed/index.ts';
import { faultOf, use } from './testing/malformed/use.ts';

// every case runs, and all that fail are told
describe.each(Object.keys(cases))('a small model with one thing odd or wrong: %s', (kind) => {
  it('is refused by what is wrong with it, or runs', async () => {
    const faults: string[] = [];
    for (const each of cases[kind]!) {
      const { error, held } = await use(each);
      const fault = faultOf(error, each.says);
      if (fault) faults.push(`${each.name}: ${fault}`);
      if (held > 0) faults.push(`${each.name}: ${held} bytes are still on the device`);
    }
    expect(faults).toEqual([]);
  });

  it('has names that tell them apart', () => {
    const names = cases[kind]!.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

it.each(endlessCases())('$name is stopped', async (each) => {
  const { error, held } = await use(each, { ends: false });
  expect(faultOf(error, each.says)).toBeUndefined();
  expect(held).toBe(0);
});

it('there are several hundred', () => {
  const all = Object.values(cases).flat();
  expect(all.length).toBeGreaterThan(520);
  expect(all.filter(({ says }) => !says).length).toBeGreaterThan(40);
});
