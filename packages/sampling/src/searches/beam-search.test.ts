import { describe, expect, it } from 'vitest';
import {
  type BatchStep,
  beamSample,
  beamSearch,
  chain,
  constrain,
  defineFilter,
  diverseBeamSearch,
  draw,
  type Filter,
  type Found,
  generate,
  greedy,
  noRepeatNgram,
  regexMatcher,
  xtc,
} from '../index.ts';
import { allSequences, createMarkov } from '../testing/markov.ts';

describe('wide enough, it is exhaustive', () => {
  it.each([0, 0.6, 1, 2, -1])('with length penalty %f', async (lengthPenalty) => {
    for (const seed of [1, 2, 3]) {
      const model = createMarkov(seed, 4);
      const want = allSequences(model, 1, 5, 0)
        .map(({ ids, logprob }) => ({ ids, score: logprob / ids.length ** lengthPenalty }))
        .sort((a, b) => b.score - a.score)
        .slice(0, 10);
      const got = await beamSearch(model.step, {
        prompt: [1],
        beams: 1024,
        maxTokens: 5,
        endIds: [0],
        lengthPenalty,
        earlyStopping: 'never',
      });
      expect(got.slice(0, 10).map(({ ids }) => ids)).toEqual(want.map(({ ids }) => ids));
      got.slice(0, 10).forEach(({ score }, i) => {
        expect(score).toBeCloseTo(want[i]!.score, 5);
      });
    }
  });
});

it('with one beam is greedy', async () => {
  const model = createMarkov(4, 6);
  const ids: number[] = [];
  for (let last = 2; ids.length < 7; last = ids.at(-1)!) {
    const row = [...model.row(last)];
    ids.push(row.indexOf(Math.max(...row)));
  }
  const [found] = await beamSearch(model.step, { prompt: [2], beams: 1, maxTokens: 7 });
  expect(found!.ids).toEqual(ids);
  expect(found!.ended).toBe(false);
});

it('equals a plain beam search, written down without ends', async () => {
  for (const beams of [2, 3, 5]) {
    const model = createMarkov(beams, 5);
    let kept: { ids: number[]; score: number }[] = [{ ids: [], score: 0 }];
    for (let length = 0; length < 6; length++) {
      kept = kept
        .flatMap(({ ids, score }) =>
          model.logprobs(ids.at(-1) ?? 3).map((l, id) => ({ ids: [...ids, id], score: score + l })),
        )
        .sort((a, b) => b.score - a.score)
        .slice(0, beams);
    }
    const got = await beamSearch(model.step, { prompt: [3], beams, maxTokens: 6, lengthPenalty: 0 });
    expect(got.map(({ ids }) => ids)).toEqual(kept.map(({ ids }) => ids));
  }
});

it('finds a likelier sequence than greedy where the best first token misleads', async () => {
  // after 0: token 1 (0.6) leads to nothing but even odds, token 2 (0.4) to certainty
  const table = [
    [0, 0.6, 0.4, 0],
    [0.25, 0.25, 0.25, 0.25],
    [0, 0, 0, 1],
    [0, 0, 0, 1],
  ].map((row) => Float32Array.from(row, Math.log));
  const step: BatchStep = (sequences) => sequences.map((ids) => table[ids.at(-1)!]!);
  const best = async (beams: number) =>
    (await beamSearch(step, { prompt: [0], beams, maxTokens: 3, lengthPenalty: 0 }))[0]!;
  expect((await best(1)).ids[0]).toBe(1);
  expect((await best(2)).ids).toEqual([2, 3, 3]);
  expect((await best(2)).score).toBeCloseTo(Math.log(0.4), 6);
});

describe('early stopping', () => {
  /** The end is always possible; stopping at different times gives different sequences. */
  const run = async (earlyStopping: boolean | 'never', lengthPenalty = 1) => {
    const model = createMarkov(11, 5, 0.7);
    const found = await beamSearch(model.step, {
      prompt: [1],
      beams: 2,
      maxTokens: 12,
      endIds: [0],
      earlyStopping,
      lengthPenalty,
    });
    return { steps: model.calls.length, best: found[0]!.score, found };
  };

  it('true stops at once, false when the present length cannot win, never when no length can', async () => {
    const [first, heuristic, never] = [await run(true), await run(false), await run('never')];
    expect(first.steps).toBeLessThanOrEqual(heuristic.steps);
    expect(heuristic.steps).toBeLessThan(never.steps);
    expect(never.best).toBeGreaterThanOrEqual(heuristic.best);
    expect(first.found.every(({ ended }) => ended)).toBe(true);
  });

  it('without a length penalty, false and never agree', async () => {
    expect((await run('never', 0)).steps).toBe((await run(false, 0)).steps);
  });
});

describe('the cache', () => {
  it('is told which rows go on from which', async () => {
    const model = createMarkov(6, 4);
    // a cache that holds, for each row, what it was given; it must equal the sequences less the last token
    let cache: (readonly number[])[] = [];
    const step: BatchStep = (sequences, { parents }) => {
      if (parents.length > 0) expect(sequences.map((ids) => ids.slice(0, -1))).toEqual(cache);
      cache = sequences.map((ids) => [...ids]);
      return model.step(sequences, { parents, signal: undefined });
    };
    const orders: number[] = [];
    await beamSearch(step, {
      prompt: [2, 3],
      beams: 3,
      maxTokens: 8,
      endIds: [0],
      reorder(indices) {
        orders.push(...indices);
        cache = indices.map((i) => cache[i]!);
      },
    });
    expect(new Set(orders).size).toBeGreaterThan(1);
  });
});

it('applies rules to each beam by its own text', async () => {
  const model = createMarkov(7, 6);
  const filters = [noRepeatNgram(1)];
  for (const { ids } of await beamSearch(model.step, { prompt: [0], beams: 4, maxTokens: 5, filters })) {
    expect(new Set([0, ...ids]).size).toBe(6);
  }
});

it('lets a sequence end only if the end is among the best continuations of the beam', async () => {
  // 0 and 2 end; of two beams' continuations 0 is first and counts, 2 is third and does not
  const rows = [
    [0.4, 0.3, 0.2, 0.1],
    [1, 0, 0, 0],
  ].map((row) => Float32Array.from(row, Math.log));
  const step: BatchStep = (sequences) => sequences.map((ids) => rows[ids.length - 1]!);
  const options = {
    prompt: [1],
    beams: 2,
    maxTokens: 2,
    endIds: [0, 2],
    lengthPenalty: 0,
    earlyStopping: true,
  };
  const found = await beamSearch(step, options);
  expect(found.map(({ ids }) => ids)).toEqual([[0], [1, 0]]);
});

it('gives every beam its own memory of the rules', async () => {
  const model = createMarkov(9, 5);
  let compared = 0;
  const remembers = defineFilter<{ ids: number[] }>({
    name: 'remembers',
    options: {},
    start: () => ({ ids: [] }),
    apply(_, { ids, promptLength }, state) {
      expect(state.ids).toEqual(ids.slice(promptLength));
      compared++;
    },
    accept: (id, _, state) => void state.ids.push(id),
  });
  await beamSearch(model.step, { prompt: [0], beams: 4, maxTokens: 6, filters: [remembers] });
  expect(compared).toBeGreaterThan(15);
});

describe('a rule that is finished', () => {
  const pieces = ['a', 'b', 'c', 'd', 'ab', 'x'];
  const row = Float32Array.of(1, 0.5, 0.9, 0.4, 0.1, 3);
  const step: BatchStep = (sequences) => sequences.map(() => row);
  const options = (pattern: string) => ({
    prompt: [5],
    beams: 2,
    maxTokens: 5,
    filters: [constrain(regexMatcher(pattern), { pieces })],
  });
  const texts = (found: readonly Found[]) => found.map(({ ids }) => ids.map((id) => pieces[id]).join(''));

  it('ends a beam as an end token does, in every search', async () => {
    const searches = [
      await beamSearch(step, options('ab|cd')),
      await beamSample(step, { ...options('ab|cd'), seed: 3 }),
      ...(await diverseBeamSearch(step, { ...options('ab|cd'), groups: 2 })),
    ];
    for (const found of searches) {
      expect(found.length).toBeGreaterThan(0);
      for (const { ended } of found) expect(ended).toBe(true);
      for (const text of texts(found)) expect(['ab', 'cd']).toContain(text);
    }
    expect(texts(searches[0]!)).toContain('cd');
    const run = generate(() => row, {
      prompt: [5],
      sampler: chain(...options('ab|cd').filters, greedy()),
      maxTokens: 5,
    });
    expect((await run.finish()).reason).toBe('complete');
  });

  it('ends one beam while another goes on', async () => {
    const found = await beamSearch(step, { ...options('ab|cdcd'), lengthPenalty: 0 });
    expect(texts(found).sort()).toEqual(['ab', 'cdcd']);
    expect(found.every(({ ended }) => ended)).toBe(true);
  });

  it('does not crowd out the beams that go on', async () => {
    // of six tokens the five best are complete at once; only the least goes on
    const crowd = (sequences: readonly (readonly number[])[]) =>
      sequences.map(() => Float32Array.of(-5, 1, 2, 3, 4, 5));
    const filters = [constrain(regexMatcher('b|c|d|ab|x|ax'), { pieces: ['a', 'b', 'c', 'd', 'ab', 'x'] })];
    const base = { prompt: [5], beams: 1, maxTokens: 5, filters, lengthPenalty: 10 };
    const found = await beamSearch(crowd, { ...base, earlyStopping: 'never' });
    // -5 − … over 2^10 beats x's over 1: the sequence of two tokens was found
    expect(texts(found)).toEqual(['ax']);
  });

  it('still says so when a rule allows nothing that the vocabulary has', async () => {
    await expect(beamSearch(step, options('aQ'))).rejects.toThrow('allows none of the 6 candidates');
  });
});

it('stops between steps when told to', async () => {
  const model = createMarkov(8, 4);
  const controller = new AbortController();
  const step: BatchStep = (sequences, context) => {
    if (model.calls.length === 2) controller.abort(new Error('enough'));
    return model.step(sequences, context);
  };
  await expect(
    beamSearch(step, { prompt: [0], beams: 2, maxTokens: 9, signal: controller.signal }),
  ).rejects.toThrow('enough');
  expect(model.calls.length).toBe(3);
});

it('refuses what makes no sense', async () => {
  const { step } = createMarkov(1, 3);
  const base = { prompt: [0], beams: 2, maxTokens: 3 };
  await expect(beamSearch(step, { ...base, beams: 0 })).rejects.toThrow(
    'beam-search: beams must be a whole number ≥ 1, got 0',
  );
  await expect(beamSearch(step, { ...base, earlyStopping: 'maybe' as 'never' })).rejects.toThrow(
    `beam-search: earlyStopping must be true, false or 'never', got "maybe"`,
  );
  await expect(beamSearch(step, { ...base, filters: [draw() as unknown as Filter] })).rejects.toThrow(
    'beam-search: filters must be filters, got Object; a search makes the choice itself',
  );
  await expect(beamSearch(step, { ...base, filters: [xtc({ probability: 1 })] })).rejects.toThrow(
    'beam-search: a filter asked for a random number; use beamSample, which has a generator',
  );
  await expect(beamSearch(() => [], base)).rejects.toThrow(
    'beam-search: step must return one row of logits a sequence: 1 of them, got Array(0)',
  );
  await expect(beamSearch(step, { ...base, prompt: [] })).rejects.toThrow('beam-search: the prompt is empty');
});
