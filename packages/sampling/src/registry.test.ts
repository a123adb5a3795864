import { expect, expectTypeOf, it } from 'vitest';
import { Candidates } from './candidates.ts';
import * as api from './index.ts';
import { createRandom } from './random/xoshiro.ts';
import {
  type ChoiceName,
  chainFromNames,
  choices,
  constraints,
  drafters,
  type FilterName,
  filters,
  type RuleOptions,
  searches,
} from './registry.ts';
import { normalRow } from './testing/tools.ts';

const all = { ...filters, ...choices, ...searches, ...drafters, ...constraints };

it.each(Object.entries(all))('%s has a formula and a source', (name, entry) => {
  expect(entry.name).toBe(name);
  expect(entry.formula.length).toBeGreaterThan(5);
  expect(entry.source.url).toMatch(/^https:\/\//);
  expect(entry.source.year).toBeGreaterThan(1900);
});

it.each(Object.entries({ ...filters, ...choices }))(
  '%s is built from its defaults and runs',
  (name, entry) => {
    const rule = entry.create();
    expect(rule.name).toBe(name);
    const row = normalRow(1, 50);
    const candidates = new Candidates().load(row);
    const context = {
      ids: [1, 2, 1],
      promptLength: 1,
      random: createRandom(1),
      unconditional: row,
      amateur: row,
    };
    if (rule.kind === 'filter') rule.apply(candidates, context, rule.start?.());
    else expect(rule.choose(candidates, context, rule.start?.())).toBeLessThan(candidates.size);
  },
);

it.each(Object.keys({ ...filters, ...choices }))('%s is exported by its name in camel case', (name) => {
  const camel = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  expect(api).toHaveProperty(camel);
});

it('refuses an unknown option and lists the known', () => {
  expect(() => filters['top-k'].create({ q: 3 } as object)).toThrow(
    'top-k: has no option "q"; its options are: k, minTokensToKeep, ties',
  );
  // names that every object inherits
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    const options = JSON.parse(`{"${name}": 3}`) as object;
    expect(() => filters['top-k'].create(options)).toThrow(`top-k: has no option "${name}"`);
    expect(() => chainFromNames(`${name};draw`)).toThrow('order: there is no rule');
    expect(() => chainFromNames('top-k;draw', options)).toThrow('order: has options for');
  }
  expect(() => choices.greedy.create({ k: 1 } as object)).toThrow(
    'greedy: has no option "k"; its options are: none',
  );
});

it('types options by name', () => {
  expectTypeOf<RuleOptions<'top-k'>>().toEqualTypeOf<{
    k?: number;
    minTokensToKeep?: number;
    ties?: 'keep' | 'cut';
  }>();
  expectTypeOf<'top-k'>().toExtend<FilterName>();
  expectTypeOf<'mirostat-2'>().toExtend<ChoiceName>();
  // @ts-expect-error an option of another rule
  expect(() => chainFromNames('top-k;draw', { 'top-k': { p: 1 } })).toThrow('top-k: has no option "p"');
});

it('makes a chain from names', () => {
  const { filters: list, choice } = chainFromNames('temperature; top_k ;typ_p;dist', {
    temperature: { temperature: 0.5 },
    typical: { mass: 0.3 },
  });
  expect(list.map(({ name, options }) => [name, Object.values(options)[0]])).toEqual([
    ['temperature', 0.5],
    ['top-k', 40],
    ['typical', 0.3],
  ]);
  expect(choice.name).toBe('draw-descending');
  expect(chainFromNames(['greedy']).choice.name).toBe('greedy');
});

it('refuses an unknown name and lists the known', () => {
  expect(() => chainFromNames('temperature;topp;draw')).toThrow(
    /^order: there is no rule "topp"; filters are temperature, dynamic-temperature, top-k, .*length-decay, .*; choices are greedy, draw, .*mirostat-2$/,
  );
  expect(() => chainFromNames('toString;draw')).toThrow('order: there is no rule "toString"');
});

it('refuses an order without a choice at its end, and options of rules that are not in it', () => {
  expect(() => chainFromNames('temperature;top-k')).toThrow(
    'chain: the last rule must be a choice such as draw()',
  );
  expect(() => chainFromNames('draw;top-k')).toThrow('chain: a choice may only come last');
  expect(() => chainFromNames('top-k;draw', { 'top-p': { p: 0.9 } })).toThrow(
    'order: has options for top-p, which the order top-k;draw lacks',
  );
});
