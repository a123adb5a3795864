import { describe, expect, it } from 'vitest';
import {
  chain,
  classifierFreeGuidance,
  createSampler,
  draw,
  type GenerateOptions,
  generate,
  greedy,
  type Step,
  topK,
} from '../index.ts';
import { normalRow } from '../testing/tools.ts';

/** A model of ten tokens whose best next token is the one after the last; remembers what it was called with. */
function counting() {
  const calls: { readonly ids: readonly number[]; readonly position: number }[] = [];
  const step: Step = (ids, { position }) => {
    calls.push({ ids: [...ids], position });
    const next = (ids.at(-1)! + 1) % 10;
    return Float32Array.from({ length: 10 }, (_, id) => (id === next ? 5 : -id / 10));
  };
  return { step, calls };
}

const letters = (ids: readonly number[]) => ids.map((id) => 'abcdefghij'[id]).join('');
const options = (more: Partial<GenerateOptions> = {}): GenerateOptions => ({
  prompt: [0, 1],
  sampler: chain(greedy()),
  maxTokens: 5,
  ...more,
});

describe('the loop', () => {
  it('gives the model only what it has not seen', async () => {
    const { step, calls } = counting();
    const { ids, reason } = await generate(step, options()).finish();
    expect(ids).toEqual([2, 3, 4, 5, 6]);
    expect(reason).toBe('length');
    expect(calls).toEqual([
      { ids: [0, 1], position: 0 },
      { ids: [2], position: 2 },
      { ids: [3], position: 3 },
      { ids: [4], position: 4 },
      { ids: [5], position: 5 },
    ]);
  });

  it('runs nothing before the first token is read, and no step too many', async () => {
    const { step, calls } = counting();
    const run = generate(step, options());
    expect(calls.length).toBe(0);
    for await (const { index } of run) if (index === 1) break;
    expect(calls.length).toBe(2);
    expect(run.summary).toMatchObject({ reason: 'cancelled', ids: [2, 3] });
  });

  it('takes models that answer later', async () => {
    const { step } = counting();
    const slow: Step = async (ids, context) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return step(ids, context);
    };
    expect((await generate(slow, options()).finish()).ids).toEqual([2, 3, 4, 5, 6]);
  });

  it('is the same run for the same seed', async () => {
    const step: Step = (ids) => normalRow(ids.at(-1)!, 50);
    const ids = async (seed: number) => {
      const sampler = createSampler(chain(topK(10), draw()), { seed });
      return (await generate(step, options({ sampler, maxTokens: 30 })).finish()).ids;
    };
    expect(await ids(1)).toEqual(await ids(1));
    expect(await ids(1)).not.toEqual(await ids(2));
  });

  it('hands a second row of logits to the rule that compares', async () => {
    const step: Step = () => ({ logits: Float32Array.of(1, 0), unconditional: Float32Array.of(3, 0) });
    const run = generate(
      step,
      options({ sampler: chain(classifierFreeGuidance(3), greedy()), maxTokens: 1 }),
    );
    expect((await run.finish()).ids).toEqual([1]);
  });
});

describe('the end', () => {
  it('comes with a stop id, which is yielded without text', async () => {
    const { step } = counting();
    const tokens = [];
    const run = generate(step, options({ stopIds: [4], decode: letters }));
    for await (const token of run) tokens.push([token.id, token.text]);
    expect(tokens).toEqual([
      [2, 'c'],
      [3, 'd'],
      [4, ''],
    ]);
    expect(run.summary).toMatchObject({ reason: 'stop-id', text: 'cd', ids: [2, 3, 4] });
  });

  it('comes with a stop string that straddles tokens; the text ends before it', async () => {
    const { step } = counting();
    const texts = [];
    const run = generate(step, options({ stopStrings: ['ef', 'dx'], decode: letters, maxTokens: 9 }));
    for await (const { text } of run) texts.push(text);
    expect(texts).toEqual(['c', '', 'd', '']);
    expect(run.summary).toMatchObject({
      reason: 'stop-string',
      text: 'cd',
      stopString: 'ef',
      ids: [2, 3, 4, 5],
    });
  });

  it('gives out what was held back when the length ends the run', async () => {
    const { step } = counting();
    const run = generate(step, options({ stopStrings: ['efg'], decode: letters, maxTokens: 4 }));
    expect(await run.finish()).toMatchObject({ reason: 'length', text: 'cdef' });
  });

  it('does not come before the minimum length', async () => {
    const { step } = counting();
    const byId = await generate(step, options({ stopIds: [3], minTokens: 3, maxTokens: 8 })).finish();
    // 3 was kept away, so the next best token, 0, came instead
    expect(byId.ids).toEqual([2, 0, 1, 2, 3]);
    const byText = await generate(
      step,
      options({ stopStrings: ['d'], minTokens: 3, maxTokens: 20, decode: letters }),
    ).finish();
    expect(byText).toMatchObject({ reason: 'stop-string', text: 'cdefghijabc' });
  });
});

describe('abort', () => {
  it('takes effect between steps', async () => {
    const { step, calls } = counting();
    const controller = new AbortController();
    const run = generate(step, options({ signal: controller.signal, maxTokens: 9 }));
    const read = async () => {
      for await (const { index } of run) if (index === 2) controller.abort(new Error('enough'));
    };
    await expect(read()).rejects.toThrow('enough');
    expect(calls.length).toBe(3);
    expect(run.summary).toMatchObject({ reason: 'aborted', ids: [2, 3, 4] });
  });

  it('takes effect inside a step, also in a model that does not listen', async () => {
    const controller = new AbortController();
    const never: Step = () => new Promise(() => {});
    const run = generate(never, options({ signal: controller.signal }));
    const end = run.finish();
    setTimeout(() => controller.abort(), 5);
    await expect(end).rejects.toThrow(/abort/i);
    expect(run.summary).toMatchObject({ reason: 'aborted', ids: [] });
  });

  it('takes effect by a timer in a model that never waits', async () => {
    const controller = new AbortController();
    const row = Float32Array.of(0, 0, 5);
    // set inside a step, so that a slow machine cannot be late for the first one
    const busy: Step = (_, { position }) => {
      if (position === 3) setTimeout(() => controller.abort(), 0);
      return row;
    };
    const run = generate(busy, options({ signal: controller.signal, maxTokens: 1_000_000 }));
    await expect(run.finish()).rejects.toThrow(/abort/i);
    expect(run.summary.reason).toBe('aborted');
    expect(run.summary.ids.length).toBeGreaterThan(0);
  });

  it('takes effect before the first step', async () => {
    const { step, calls } = counting();
    const run = generate(step, options({ signal: AbortSignal.abort(new Error('no')) }));
    await expect(run.finish()).rejects.toThrow('no');
    expect(calls.length).toBe(0);
  });

  it('leaves no listener behind', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const spied = Object.assign(signal, {
      addEventListener: () => void listeners++,
      removeEventListener: () => void listeners--,
    });
    const { step } = counting();
    await generate(async (ids, context) => step(ids, context), options({ signal: spied })).finish();
    expect(listeners).toBe(0);
  });
});

describe('what comes with each token', () => {
  it('has log-probabilities under the model, with alternatives', async () => {
    const { step } = counting();
    for await (const { logprob, alternatives } of generate(step, options({ logprobs: 2, maxTokens: 1 }))) {
      expect(alternatives!.map(({ id }) => id)).toEqual([2, 0]);
      expect(logprob).toBeLessThan(0);
      expect(alternatives![0]!.logprob).toBe(logprob);
    }
    for await (const token of generate(step, options({ maxTokens: 1 })))
      expect(token).not.toHaveProperty('logprob');
  });

  it('has the explanation when asked for', async () => {
    const { step } = counting();
    const run = generate(step, options({ sampler: chain(topK(2), greedy()), explain: true, maxTokens: 2 }));
    for await (const { id, explanation } of run) {
      expect(explanation!.choice.id).toBe(id);
      expect(explanation!.stages[0]!.removed.length).toBe(8);
    }
  });

  it('has timings that add up', async () => {
    const { step } = counting();
    const run = generate(step, options());
    let steps = 0;
    for await (const { timing } of run) steps += timing.step;
    const { timing } = run.summary;
    expect(timing.step).toBeCloseTo(steps, 9);
    expect(timing.total).toBeGreaterThanOrEqual(timing.firstToken);
  });
});

describe('bad input', () => {
  const { step } = counting();
  const refused = (more: object) => () => generate(step, options(more));

  it('is refused at once', () => {
    expect(refused({ prompt: [] })).toThrow(
      'generate: the prompt is empty; give at least the token that begins',
    );
    expect(refused({ prompt: [1.5] })).toThrow('generate: prompt[0] must be a whole number ≥ 0, got 1.5');
    expect(refused({ maxTokens: 0 })).toThrow('generate: maxTokens must be a whole number ≥ 1, got 0');
    expect(refused({ minTokens: 9 })).toThrow('generate: minTokens = 9 is more than maxTokens = 5');
    expect(refused({ stopStrings: ['x'] })).toThrow(
      'generate: stop strings need text; give decode: (ids) => string',
    );
    expect(refused({ stopStrings: [''], decode: letters })).toThrow(
      'generate: a stop string must be a text of at least one character, got ""',
    );
    expect(refused({ logprobs: -1 })).toThrow('generate: logprobs must be a whole number ≥ 0, got -1');
    expect(refused({ sampler: undefined })).toThrow('sampler: needs a chain, got undefined');
    expect(() => generate(null as unknown as Step, options())).toThrow(
      'generate: step must be a function (ids, context) => logits, got null',
    );
  });

  it('a step that returns no logits is named, and the summary says that it failed', async () => {
    const run = generate((() => undefined) as unknown as Step, options());
    await expect(run.finish()).rejects.toThrow(
      'generate: step must return a Float32Array of logits or { logits, … }, got undefined; does it return a value at all?',
    );
    expect(run.summary.reason).toBe('failed');
  });

  it('NaN from a model is named with its index', async () => {
    const run = generate(() => Float32Array.of(1, Number.NaN), options());
    await expect(run.finish()).rejects.toThrow('sample: logits[1] is NaN');
  });
});
