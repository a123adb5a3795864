import { describe, expect, it } from 'vitest';
import {
  chain,
  createSampler,
  type Drafter,
  draftModel,
  draw,
  generate,
  greedy,
  mirostat2,
  promptLookup,
  repetitionPenalty,
  type SpeculateOptions,
  speculate,
  topK,
  type VerifyStep,
} from '../index.ts';
import { allSequences, createMarkov, type Markov } from '../testing/markov.ts';
import { chiSquare, tally } from '../testing/tools.ts';

/** A target with a cache: checks that it is called as one is. */
function cached(model: Markov): { readonly verify: VerifyStep; readonly given: () => number } {
  const cache: number[] = [];
  let given = 0;
  return {
    given: () => given,
    verify(ids, { position, rows }) {
      expect(position).toBeLessThanOrEqual(cache.length);
      cache.length = position;
      cache.push(...ids);
      given += ids.length;
      return ids.slice(-rows).map((id) => model.row(id));
    },
  };
}

const drafters: readonly (readonly [name: string, make: (model: Markov) => Drafter])[] = [
  [
    'a draft model',
    (model) =>
      draftModel(
        (ids) => createMarkov(99, model.vocabulary).row(ids.at(-1)!),
        createSampler(chain(draw()), { seed: 3 }),
      ),
  ],
  ['prompt lookup', () => promptLookup({ maxNgram: 2 })],
  [
    'a drafter that is always wrong',
    (model) => ({
      name: 'wrong',
      propose: (ids, count) =>
        Array.from({ length: count }, () => {
          const row = [...model.row(ids.at(-1)!)];
          return { id: row.indexOf(Math.min(...row)) };
        }),
    }),
  ],
  ['a drafter that gives nothing', () => ({ name: 'nothing', propose: () => [] })],
];

it('hands a token to the target once, but for drafts that were wrong', async () => {
  const model = createMarkov(1, 7);
  const options = { prompt: [0, 1, 2], sampler: chain(greedy()), maxTokens: 10, draftLength: 2 };
  const without = cached(model);
  await speculate(without.verify, { ...options, drafter: { name: 'nothing', propose: () => [] } }).finish();
  // the prompt, and each token but the last
  expect(without.given()).toBe(3 + 9);
  const wrong = drafters.find(([name]) => name === 'a drafter that is always wrong')![1](model);
  const corrected = cached(model);
  await speculate(corrected.verify, { ...options, drafter: wrong }).finish();
  // two drafts a round, one where two tokens are left, none for the last
  expect(corrected.given()).toBe(3 + 9 + 8 * 2 + 1);
});

describe.each(drafters)('with %s', (_name, make) => {
  it('and greedy choice gives the tokens of the plain loop', async () => {
    const model = createMarkov(1, 7);
    const options = { prompt: [0, 1, 2], sampler: chain(repetitionPenalty(1.5), greedy()), maxTokens: 40 };
    const plain = await generate((ids) => model.row(ids.at(-1)!), options).finish();
    const run = speculate(cached(model).verify, { ...options, drafter: make(model) });
    expect((await run.finish()).ids).toEqual(plain.ids);
  });

  it('leaves the joint distribution of three tokens unchanged (false-alarm rate 10⁻⁴)', async () => {
    const model = createMarkov(2, 3, 1);
    const sequences = allSequences(model, 1, 3);
    const index = new Map(sequences.map(({ ids }, i) => [ids.join(), i]));
    const sampler = createSampler(chain(draw()), { seed: 11 });
    const drafter = make(model);
    const outcomes: number[] = [];
    for (let i = 0; i < 4000; i++) {
      const run = speculate(cached(model).verify, {
        prompt: [0, 1, 0, 1],
        sampler,
        drafter,
        maxTokens: 3,
        draftLength: 2,
      });
      outcomes.push(index.get((await run.finish()).ids.join())!);
    }
    const counts = tally(outcomes.length, () => outcomes.pop()!);
    const { statistic, limit } = chiSquare(
      counts,
      sequences.map(({ logprob }) => Math.exp(logprob)),
    );
    expect(statistic).toBeLessThan(limit);
  });
});

it('needs fewer runs of the target the better the drafts are, and counts them', async () => {
  const model = createMarkov(3, 6);
  const sampler = () => createSampler(chain(topK(3), draw()), { seed: 5 });
  const options = { prompt: [0], sampler: sampler(), maxTokens: 60, draftLength: 4 };
  const drafter = draftModel((ids) => model.row(ids.at(-1)!), sampler());
  const { verify, given } = cached(model);
  const run = speculate(verify, { ...options, drafter });
  const origins = [];
  for await (const { origin } of run) origins.push(origin);
  const { speculation } = run.summary;
  // the drafter is the target itself, so every draft is accepted: 5 tokens a run
  expect(speculation).toEqual({ rounds: 12, proposed: 48, accepted: 48 });
  expect(given()).toBe(60); // no token is run twice
  expect(origins.slice(0, 5)).toEqual(['drafted', 'drafted', 'drafted', 'drafted', 'extra']);
});

it('keeps what generate keeps: stop strings, minimum length, log-probabilities, abort', async () => {
  const model = createMarkov(4, 5);
  const decode = (ids: readonly number[]) => ids.map((id) => 'abcde'[id]).join('');
  const base = { prompt: [0], sampler: chain(greedy()), drafter: promptLookup(), maxTokens: 30 };
  const plain = await generate((ids) => model.row(ids.at(-1)!), { ...base, decode }).finish();
  const stop = plain.text.slice(6, 8);
  const stopped = speculate(cached(model).verify, { ...base, decode, stopStrings: [stop], logprobs: 1 });
  for await (const { logprob } of stopped) expect(logprob).toBeLessThan(0);
  expect(stopped.summary.text).toBe(plain.text.slice(0, plain.text.indexOf(stop)));
  const controller = new AbortController();
  const aborted = speculate(() => new Promise(() => {}), { ...base, signal: controller.signal });
  const end = aborted.finish();
  controller.abort(new Error('enough'));
  await expect(end).rejects.toThrow('enough');
});

it('refuses what cannot work', async () => {
  const { verify } = cached(createMarkov(1, 3));
  const base: SpeculateOptions = {
    prompt: [0],
    sampler: chain(draw()),
    drafter: promptLookup(),
    maxTokens: 3,
  };
  expect(() => speculate(verify, { ...base, sampler: chain(mirostat2()) })).toThrow(
    'speculate: mirostat-2 has no fixed distribution to keep to; end the chain in draw() or greedy()',
  );
  expect(() => speculate(verify, { ...base, drafter: {} as Drafter })).toThrow(
    'speculate: needs a drafter, got Object; promptLookup() makes one',
  );
  expect(() => speculate(verify, { ...base, draftLength: 0 })).toThrow(
    'speculate: draftLength must be a whole number ≥ 1, got 0',
  );
  await expect(speculate(() => [], base).finish()).rejects.toThrow(
    'speculate: target must return 1 rows of logits, got Array(0)',
  );
});
