import { createRandom, createSampler } from '@headwise/sampling';
import { chainFromNames, choices, filters } from '@headwise/sampling/registry';
import { expect, it } from 'vitest';
import { histogramPicture, type SamplingSetup, samplingPicture, samplingRules } from './model.ts';
import { goodnessOfFit, upperGamma } from './statistics.ts';

const V = 60;
const letters = '{}":,ab 0123456789';
const pieces = Array.from({ length: V }, (_, id) => (id < letters.length ? letters[id]! : `w${id}`));
const setup: SamplingSetup = {
  logits: Float32Array.from({ length: V }, (_, id) => 4 * Math.cos(id * 1.7)),
  unconditional: Float32Array.from({ length: V }, (_, id) => 2 * Math.sin(id)),
  pieces: [...pieces.slice(0, V - 1), null],
  endIds: [V - 1],
  ids: [20, 21, 22],
  promptLength: 3,
  stages: [
    { name: 'temperature', options: { temperature: 0.7 } },
    { name: 'top-k', options: { k: 9 } },
    { name: 'min-p', options: { m: 0.1 } },
  ],
  choice: { name: 'draw', options: {} },
  seed: 42,
  schema: '',
};

it('shows what the library’s own chain does at every stage', () => {
  const picture = samplingPicture(setup);
  const named = chainFromNames('temperature;top-k;min-p;draw', {
    temperature: { temperature: 0.7 },
    'top-k': { k: 9 },
    'min-p': { m: 0.1 },
  });
  const want = createSampler(named, { seed: 42 }).explain(setup.logits, { ids: [20, 21, 22] });
  expect(picture.stages.map(({ left }) => left)).toEqual(want.stages.map(({ ids }) => ids.length));
  expect(picture.choice.id).toBe(want.choice.id);
  expect(picture.choice.u).toBe(createRandom(42).next());
  picture.rows.forEach(({ id, after, removedBy, logit }) => {
    expect(logit).toBe(setup.logits[id]);
    want.stages.forEach(({ ids, probabilities }, i) => {
      const at = ids.indexOf(id);
      expect(after[i]).toBe(at < 0 ? undefined : probabilities[at]);
    });
    const by = want.stages.findIndex(({ removed }) => removed.includes(id));
    expect(removedBy).toBe(by < 0 ? undefined : by);
  });
  const total = picture.rows.reduce((sum, { after }) => sum + (after.at(-1) ?? 0), 0);
  expect(total + picture.rest.probability).toBeCloseTo(1, 12);
});

it('another order is another distribution', () => {
  const [hot, cut] = [
    { name: 'temperature', options: { temperature: 3 } },
    { name: 'top-p', options: { p: 0.8 } },
  ];
  const one = samplingPicture({ ...setup, stages: [hot!, cut!] });
  const other = samplingPicture({ ...setup, stages: [cut!, hot!] });
  expect(one.stages[1]!.left).toBeGreaterThan(other.stages[1]!.left);
});

it.each(['draw', 'draw-descending'])('%s: u falls into the part of the bar of the token it chose', (name) => {
  for (let seed = 0; seed < 40; seed++) {
    const { choice } = samplingPicture({ ...setup, stages: [], seed, choice: { name, options: {} } });
    const part = choice.bar.find(({ from, to }) => choice.u! >= from && choice.u! < to)!;
    expect(part.id).toBe(choice.id);
    expect(choice.bar[0]!.from).toBe(0);
    expect(choice.bar.at(-1)!.to).toBeCloseTo(1, 12);
    choice.bar.forEach(({ from }, i) => {
      if (i > 0) expect(from).toBe(choice.bar[i - 1]!.to);
    });
  }
});

it('lists every rule of the registry, and each runs with its defaults', () => {
  const rules = samplingRules();
  expect(rules.filters.map(({ name }) => name)).toEqual(Object.keys(filters));
  expect(rules.choices.map(({ name }) => name)).toEqual(Object.keys(choices));
  for (const { name, defaults } of rules.filters) {
    const { stages } = samplingPicture({ ...setup, stages: [{ name, options: defaults }] });
    expect(stages[0]!.left).toBeGreaterThan(0);
  }
  for (const { name, defaults } of rules.choices) {
    const { choice } = samplingPicture({ ...setup, choice: { name, options: defaults } });
    expect(pieces[choice.id]).toBeDefined();
  }
});

it('draws as often as the probabilities say, and says how well', () => {
  const { bars, rest, fit, draws } = histogramPicture(setup, 4000);
  expect(bars.reduce((sum, { count }) => sum + count, 0) + rest.count).toBe(draws);
  const want = createSampler(
    chainFromNames('temperature;top-k;min-p;draw', {
      temperature: { temperature: 0.7 },
      'top-k': { k: 9 },
      'min-p': { m: 0.1 },
    }),
    { seed: 1 },
  ).distribution(setup.logits);
  for (const { id, probability, count } of bars) {
    expect(probability).toBe(want.probabilities[want.ids.indexOf(id)]);
    expect(Math.abs(count / draws - probability)).toBeLessThan(0.04);
  }
  expect(fit!.p).toBeGreaterThan(0.001);
  const biased = goodnessOfFit([500, 300, 200], [0.4, 0.3, 0.3])!;
  expect(biased.p).toBeLessThan(1e-9);
});

it('the chi-square chances are those of tables', () => {
  // Abramowitz & Stegun 1964, table 26.8: chi-square of 5 % with 1, 10 and 100 degrees of freedom
  expect(upperGamma(0.5, 3.84146 / 2)).toBeCloseTo(0.05, 6);
  expect(upperGamma(5, 18.307 / 2)).toBeCloseTo(0.05, 5);
  expect(upperGamma(50, 124.342 / 2)).toBeCloseTo(0.05, 5);
  expect(goodnessOfFit([10], [1])).toBeUndefined();
});

const schema = JSON.stringify({ type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] });

it('a schema forbids tokens, with the reason', () => {
  const { constraint, rows, stages, choice } = samplingPicture({ ...setup, schema });
  expect(stages[0]!.name).toBe('json-schema');
  expect(constraint).toMatchObject({ text: '', complete: false, next: '‘{’', forbidden: V - 1 });
  expect(choice.text).toBe('{');
  const forbidden = rows.filter(({ removedBy }) => removedBy === 0);
  expect(forbidden.length).toBeGreaterThan(10);
  for (const { text, reason } of forbidden)
    expect(reason).toBe(
      text.startsWith('⟨')
        ? 'the text is not complete: next must be ‘{’'
        : `${text === '␣' ? 'a blank' : `‘${text[0]}’`} may not come: next must be ‘{’`,
    );
});

it('a schema follows what was generated, and lets the end come when it is complete', () => {
  const id = (text: string): number => letters.indexOf(text);
  const generated = ['{', '"', 'a', '"', ':', '4'].map(id);
  const after = { ...setup, ids: [...setup.ids, ...generated], schema };
  const open = samplingPicture(after).constraint!;
  expect(open.text).toBe('{"a":4');
  expect(open.complete).toBe(false);
  const closed = samplingPicture({ ...after, ids: [...after.ids, id('}')] });
  expect(closed.constraint).toMatchObject({ complete: true, next: 'the end' });
  expect(closed.choice.id).toBe(V - 1);
  expect(() => samplingPicture({ ...setup, ids: [...setup.ids, id('a')], schema })).toThrow(
    'breaks the json-schema',
  );
});
