import { expect, it } from 'vitest';
import { Candidates } from './candidates.ts';
import { normalRow } from './testing/tools.ts';

const load = (...values: number[]) => new Candidates().load(Float32Array.from(values));

it('has the tokens that are not removed, ids ascending', () => {
  const candidates = load(1, -Infinity, 3, 2);
  expect(candidates.size).toBe(3);
  expect([...candidates.ids.subarray(0, 3)]).toEqual([0, 2, 3]);
  expect([...candidates.logits.subarray(0, 3)]).toEqual([1, 3, 2]);
  expect(candidates.indexOf(3)).toBe(2);
  expect(candidates.indexOf(1)).toBe(-1);
  expect(candidates.best()).toBe(1);
  expect(candidates.toLogits()).toEqual(Float32Array.of(1, -Infinity, 3, 2));
});

it('keeps its probabilities right through removals, also of the best', () => {
  const candidates = load(0, Math.log(2), Math.log(5), Math.log(2));
  expect(candidates.probability(2)).toBeCloseTo(0.5, 6);
  candidates.remove([0]);
  expect(candidates.probability(1)).toBeCloseTo(5 / 9, 6);
  candidates.remove([2]);
  expect(candidates.probability(0)).toBeCloseTo(0.5, 6);
  expect(candidates.entropy()).toBeCloseTo(Math.log(2), 6);
});

it('does not lose what is left when the best was far above it', () => {
  const candidates = load(2000, 1, 1);
  expect(candidates.probability(0)).toBe(1);
  candidates.remove([0]);
  expect(candidates.probability(0)).toBe(0.5);
});

it('turns logits into log-probabilities', () => {
  const candidates = load(3, 3, 3, 3);
  candidates.normalize();
  expect(candidates.logits[2]).toBeCloseTo(Math.log(0.25), 12);
  expect(candidates.logSumExp()).toBeCloseTo(0, 12);
});

it('uses its memory again for every row, also for a longer one', () => {
  const candidates = load(1, 2);
  const { ids } = candidates;
  candidates.load(Float32Array.of(4, 5));
  expect(candidates.ids).toBe(ids);
  expect(candidates.load(normalRow(1, 100)).size).toBe(100);
  expect(candidates.load(Float32Array.of(7)).size).toBe(1);
});

it.each([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
])('names the index of %s, whichever way the logits are read', (name, value) => {
  const message = `sample: logits[2] is ${name}; a logit must be a finite number, or -Infinity for a token that may not come`;
  expect(() => load(1, 2, value).size).toThrow(message);
  expect(() => load(1, 2, value).keepTop(1)).toThrow(message);
  expect(() => load(1, 2, value).keepWithin(1)).toThrow(message);
  const long = new Float32Array(10_000).fill(-5, 0, 9000);
  for (const at of [0, 4, 4501, 9999]) {
    const spoilt = long.map((l, i) => (i === at ? value : l));
    expect(() => new Candidates().load(spoilt).keepTop(3)).toThrow(`logits[${at}] is ${name}`);
  }
});

it('refuses logits with nothing in them', () => {
  expect(() => load()).toThrow('sample: logits are empty; a vocabulary has at least one token');
  for (const read of [
    (c: Candidates) => c.size,
    (c: Candidates) => c.keepTop(2),
    (c: Candidates) => c.keepWithin(2),
  ]) {
    expect(() => read(load(-Infinity, -Infinity))).toThrow(
      'sample: all 2 logits are -Infinity: no token is left to sample',
    );
  }
});

it('refuses what is no Float32Array, with the cure', () => {
  expect(() => new Candidates().load([1, 2] as unknown as Float32Array)).toThrow(
    'sample: logits must be a Float32Array, got Array(2); Float32Array.from(logits) makes one',
  );
  expect(() => new Candidates().load(undefined as unknown as Float32Array)).toThrow('got undefined');
});

it('refuses an infinite logit from a rule', () => {
  expect(() => load(1, 2).setLogit(1, -Infinity)).toThrow(
    'sample: the logit of token 1 would become -Infinity; remove the token instead',
  );
});

it('never empties: the best stays, and a note says so', () => {
  const candidates = load(1, 3, 2);
  candidates.remove([0]);
  expect(candidates.takeNote()).toBeUndefined();
  candidates.keepOnly([]);
  expect(candidates.size).toBe(1);
  expect(candidates.ids[0]).toBe(1);
  expect(candidates.takeNote()).toBe('would have removed every candidate; kept the best one');
  expect(candidates.takeNote()).toBeUndefined();
});

it('keeps what lies exactly on an edge, on the model’s array and on a list', () => {
  for (const list of [false, true]) {
    const candidates = load(3, 1, 0.5);
    if (list) expect(candidates.size).toBe(3);
    candidates.keepWithin(2);
    expect([...candidates.ids.subarray(0, candidates.size)]).toEqual([0, 1]);
  }
});
