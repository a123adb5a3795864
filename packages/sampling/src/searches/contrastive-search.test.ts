import { expect, it } from 'vitest';
import { type BatchStep, contrastiveSearch, type HiddenRow } from '../index.ts';
import { createMarkov } from '../testing/markov.ts';
import { normalRow, softmax } from '../testing/tools.ts';

const model = createMarkov(5, 12);
const hidden = (id: number) => normalRow(1000 + id, 6);
const step: BatchStep<HiddenRow> = (sequences) =>
  sequences.map((ids) => ({ logits: model.row(ids.at(-1)!), hidden: ids.map(hidden) }));

const cosine = (a: Float32Array, b: Float32Array) => {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

it('follows the definition', async () => {
  const [k, alpha] = [4, 0.6];
  const ids = [3, 7];
  const scores: number[] = [];
  while (ids.length < 10) {
    const p = softmax(model.row(ids.at(-1)!));
    const top = p
      .map((_, id) => id)
      .sort((a, b) => p[b]! - p[a]!)
      .slice(0, k);
    const score = (id: number) =>
      (1 - alpha) * p[id]! - alpha * Math.max(...ids.map((past) => cosine(hidden(id), hidden(past))));
    const best = top.reduce((a, b) => (score(b) > score(a) ? b : a));
    scores.push(score(best));
    ids.push(best);
  }
  const found = await contrastiveSearch(step, { prompt: [3, 7], maxTokens: 8, k, alpha });
  expect(found.ids).toEqual(ids.slice(2));
  found.scores.forEach((score, i) => {
    expect(score).toBeCloseTo(scores[i]!, 6);
  });
});

it('with alpha 0 is greedy, and stops at an end token', async () => {
  const greedy: number[] = [];
  for (let last = 3; greedy.length < 6; last = greedy.at(-1)!) {
    greedy.push([...model.row(last)].indexOf(Math.max(...model.row(last))));
  }
  const options = { prompt: [3], maxTokens: 6, alpha: 0 };
  expect((await contrastiveSearch(step, options)).ids).toEqual(greedy);
  const end = greedy[2]!;
  expect(await contrastiveSearch(step, { ...options, endIds: [end] })).toMatchObject({
    ids: greedy.slice(0, greedy.indexOf(end) + 1),
    ended: true,
  });
});

it('has all candidates go on from the row that was chosen', async () => {
  let cache: (readonly number[])[] = [];
  const cached: BatchStep<HiddenRow> = async (sequences, context) => {
    if (context.parents.length > 0) expect(sequences.map((ids) => ids.slice(0, -1))).toEqual(cache);
    cache = sequences.map((ids) => [...ids]);
    // a model with a cache knows the hidden vectors of the new tokens only
    const rows = await step(sequences, context);
    return context.parents.length > 0 ? rows.map((row) => ({ ...row, hidden: row.hidden.slice(-1) })) : rows;
  };
  const reorder = (indices: readonly number[]) => {
    cache = indices.map((i) => cache[i]!);
  };
  const options = { prompt: [3, 7], maxTokens: 8 };
  const found = await contrastiveSearch(cached, { ...options, reorder });
  expect(found).toEqual(await contrastiveSearch(step, options));
});

it('asks for hidden vectors, for all of the prompt and of one length', async () => {
  const bare = (sequences: readonly (readonly number[])[]) => sequences.map(() => new Float32Array(3));
  await expect(
    contrastiveSearch(bare as unknown as BatchStep<HiddenRow>, { prompt: [1], maxTokens: 1 }),
  ).rejects.toThrow(
    'contrastive-search: step must return { logits, hidden } with at least 1 hidden vectors a sequence, got Float32Array(3)',
  );
  const short: BatchStep<HiddenRow> = (sequences) =>
    sequences.map(() => ({ logits: new Float32Array(3), hidden: [new Float32Array(2)] }));
  await expect(contrastiveSearch(short, { prompt: [1, 2], maxTokens: 1 })).rejects.toThrow(
    'at least 2 hidden vectors',
  );
  const uneven: BatchStep<HiddenRow> = (sequences) =>
    sequences.map((ids) => ({ logits: new Float32Array(3), hidden: [new Float32Array(ids.length)] }));
  await expect(contrastiveSearch(uneven, { prompt: [1], maxTokens: 1 })).rejects.toThrow(
    'contrastive-search: hidden vectors differ in length: 2 and 1',
  );
});
