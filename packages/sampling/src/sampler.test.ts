import { expect, it, vi } from 'vitest';
import {
  type Chain,
  chain,
  createRandom,
  createSampler,
  defineFilter,
  draw,
  drawDescending,
  eta,
  frequencyPenalty,
  greedy,
  gumbelMax,
  minP,
  mirostat2,
  noRepeatNgram,
  presencePenalty,
  repetitionPenalty,
  temperature,
  topA,
  topK,
  topNSigma,
  topP,
  typical,
  xtc,
} from './index.ts';
import { normalRow } from './testing/tools.ts';

const row = normalRow(3, 500);
const recipe = chain(temperature(0.8), topK(40), topP(0.95), minP(0.01), draw());

it('gives the same tokens for the same seed, and others for another', () => {
  const tokens = (seed: number) => {
    const sampler = createSampler(recipe, { seed });
    return Array.from({ length: 50 }, () => sampler.sample(row));
  };
  expect(tokens(42)).toEqual(tokens(42));
  expect(tokens(42)).not.toEqual(tokens(43));
});

it('has a generator of its own: samplers do not disturb each other', () => {
  const alone = createSampler(recipe, { seed: 1 });
  const wanted = Array.from({ length: 20 }, () => alone.sample(row));
  const [one, two] = [createSampler(recipe, { seed: 1 }), createSampler(recipe, { seed: 2 })];
  const got = wanted.map(() => {
    two.sample(row);
    return one.sample(row);
  });
  expect(got).toEqual(wanted);
});

it('tells the seed it drew itself, which repeats the run', () => {
  const sampler = createSampler(recipe);
  const wanted = [sampler.sample(row), sampler.sample(row)];
  const again = createSampler(recipe, { seed: sampler.seed });
  expect([again.sample(row), again.sample(row)]).toEqual(wanted);
});

it('goes on from a state written down as JSON, also inside Mirostat', () => {
  const sampler = createSampler(chain(temperature(1.2), mirostat2()), { seed: 5 });
  for (let i = 0; i < 10; i++) sampler.sample(row);
  const state = JSON.parse(JSON.stringify(sampler.state()));
  const copies = [createSampler(sampler.chain, { state }), sampler.clone()];
  const wanted = Array.from({ length: 10 }, () => sampler.sample(row));
  for (const copy of copies) expect(wanted.map(() => copy.sample(row))).toEqual(wanted);
});

it('refuses the state of another chain, and what is no chain', () => {
  const { state } = { state: createSampler(recipe, { seed: 1 }).state() };
  expect(() => createSampler(chain(draw()), { state })).toThrow(
    'sampler: the state is of a chain of 5 rules, this chain has 1',
  );
  expect(() => createSampler(draw() as unknown as Chain)).toThrow(
    'sampler: needs a chain, got Object; chain(temperature(0.8), draw()) makes one',
  );
});

it('uses the order it is given: temperature before or after a cutoff makes a difference', () => {
  const ids = (...order: Parameters<typeof chain>) =>
    [...createSampler(chain(...order), { seed: 1 }).distribution(row).ids].length;
  expect(ids(temperature(3), topP(0.9), draw())).toBeGreaterThan(ids(topP(0.9), temperature(3), draw()));
});

it('gives the distribution it draws from, without drawing', () => {
  const random = createRandom(1);
  const before = random.state();
  const { ids, probabilities } = createSampler(recipe, { random }).distribution(row);
  expect(random.state()).toEqual(before);
  expect(ids.length).toBe(probabilities.length);
  expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
});

it('tells every rule the token that was chosen, and those accepted without a choice', () => {
  const heard: number[] = [];
  const listener = defineFilter({
    name: 'listener',
    options: {},
    apply() {},
    accept: (id) => void heard.push(id),
  });
  const sampler = createSampler(chain(listener, greedy()));
  sampler.sample(Float32Array.of(1, 2));
  sampler.explain(Float32Array.of(3, 2));
  sampler.accept(7);
  sampler.distribution(Float32Array.of(3, 2));
  expect(heard).toEqual([1, 0, 7]);
});

it('keeps excluded tokens away whatever the chain says', () => {
  const sampler = createSampler(chain(greedy()));
  expect(sampler.sample(Float32Array.of(1, 3, 2), { excluded: [1] })).toBe(2);
  const { stages } = sampler.explain(Float32Array.of(1, 3, 2), { excluded: [1] });
  expect(stages.map(({ name, removed }) => [name, ...removed])).toEqual([['excluded', 1]]);
});

it('takes ids as output unless told where the prompt ends', () => {
  const sampler = createSampler(chain(presencePenalty(5), greedy()));
  expect(sampler.sample(Float32Array.of(2, 1), { ids: [0] })).toBe(1);
  expect(sampler.sample(Float32Array.of(2, 1), { ids: [0], promptLength: 1 })).toBe(0);
});

it('refuses a choice that points beside the candidates', () => {
  const sampler = createSampler(
    chain(topK(2), { kind: 'choice', name: 'mine', options: {}, choose: () => 2 }),
  );
  expect(() => sampler.sample(row)).toThrow('mine: chose index 2, but there are 2 candidates');
});

it('explains what every rule removed, in order, and the draw', () => {
  const logits = Float32Array.from([0.4, 0.3, 0.2, 0.06, 0.04], Math.log);
  const sampler = createSampler(chain(topK(4), temperature(0.5), topP(0.8), draw()), { seed: 4 });
  const { vocabulary, start, stages, choice } = sampler.explain(logits);
  expect(vocabulary).toBe(5);
  expect(start.probabilities[0]).toBeCloseTo(0.4, 6);
  expect(start.entropy).toBeCloseTo(
    -[0.4, 0.3, 0.2, 0.06, 0.04].reduce((s, p) => s + p * Math.log2(p), 0),
    5,
  );
  expect(stages.map(({ name, removed, ids }) => [name, [...removed], [...ids]])).toEqual([
    ['top-k', [4], [0, 1, 2, 3]],
    ['temperature', [], [0, 1, 2, 3]],
    ['top-p', [2, 3], [0, 1]],
  ]);
  expect(stages[1]!.logits[0]).toBeCloseTo(2 * Math.log(0.4), 5);
  expect(stages[1]!.options).toEqual({ temperature: 0.5 });
  expect(choice.name).toBe('draw');
  expect(choice.probability).toBeCloseTo(choice.id === 0 ? 16 / 25 : 9 / 25, 5);
  expect(choice.uniforms).toEqual([createRandom(4).next()]);
});

it('says in the explanation where a rule would have left nothing', () => {
  const sampler = createSampler(chain(noRepeatNgram(1), draw()), { seed: 1 });
  const { stages, choice } = sampler.explain(Float32Array.of(1, 3, 2), { ids: [0, 1, 2] });
  expect(stages[0]).toMatchObject({ note: 'would have removed every candidate; kept the best one' });
  expect([...stages[0]!.removed]).toEqual([0, 2]);
  expect(choice.id).toBe(1);
});

it('writes down the random numbers a filter took', () => {
  const sampler = createSampler(chain(xtc({ probability: 0.5 }), draw()), { seed: 8 });
  const random = createRandom(8);
  const { stages, choice } = sampler.explain(row);
  expect(stages[0]!.uniforms).toEqual([random.next()]);
  expect(choice.uniforms).toEqual([random.next()]);
});

it('allocates its lists once: after the first token no array is made', () => {
  const penalties = [repetitionPenalty(1.1), frequencyPenalty(0.1), presencePenalty(0.1)];
  const cutoffs = [typical(0.9), topA(0.01), eta(0.001), topNSigma(2), xtc({ probability: 0.5 })];
  const samplers = [
    createSampler(recipe, { seed: 1 }),
    createSampler(chain(...penalties, ...cutoffs, topP(0.9), drawDescending()), { seed: 1 }),
    createSampler(chain(gumbelMax()), { seed: 1 }),
    createSampler(chain(mirostat2()), { seed: 1 }),
    createSampler(chain(greedy()), { seed: 1 }),
  ];
  const history = { ids: [1, 2, 3, 1] };
  for (const sampler of samplers) sampler.sample(row, history);
  const made = vi.fn();
  for (const name of ['Float64Array', 'Float32Array', 'Uint32Array', 'Uint8Array'] as const) {
    const original = globalThis[name];
    const construct = (...call: Parameters<typeof Reflect.construct>) => {
      made(name);
      return Reflect.construct(...call);
    };
    vi.stubGlobal(name, new Proxy(original, { construct }));
  }
  try {
    for (const sampler of samplers) for (let i = 0; i < 5; i++) sampler.sample(row, history);
    expect(made).not.toHaveBeenCalled();
    createSampler(recipe, { seed: 1 }).sample(row);
    expect(made).toHaveBeenCalled(); // a first token does make them, so the count can be trusted
  } finally {
    vi.unstubAllGlobals();
  }
});
