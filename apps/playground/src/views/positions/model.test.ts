import { alibiSlopes, dynamicNtk, rotary, shaw, type T5Bias, yarn } from '@headwise/positional';
import { encodings } from '@headwise/positional/registry';
import { createPositions, createReference, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { contentOf, encodingEntries, encodingOf, type PositionSetup, positionPicture } from './model.ts';
import { scoreOf } from './score.ts';
import { changeOf, sentenceOf } from './words.ts';

const setup: PositionSetup = {
  name: 'rotary',
  options: {},
  D: 16,
  H: 4,
  trained: 64,
  length: 256,
  content: 'random',
  pair: 2,
  m: 40,
  n: 33,
  by: 5,
};
const names = Object.keys(encodings);

it('lists every encoding of the registry, without the tables that training makes', () => {
  const entries = encodingEntries();
  expect(entries.map(({ name }) => name)).toEqual(names);
  const t5 = entries.find(({ name }) => name === 't5')!;
  expect(t5.defaults).toEqual({ bidirectional: false, maxDistance: 128 });
});

it.each(names)('%s has a picture with finite numbers', async (name) => {
  const picture = await positionPicture({ ...setup, name });
  const { curve, heat, shift } = picture;
  for (const { values } of curve.lines) {
    expect(values).toHaveLength(curve.distances.length);
    expect(values.every(Number.isFinite)).toBe(true);
  }
  if (heat) {
    expect(heat.values).toHaveLength(heat.rows.length * heat.columns.length);
    expect(Math.min(...heat.values)).toBe(heat.low);
    expect(Math.max(...heat.values)).toBe(heat.high);
  }
  expect(shift.problem).toBeUndefined();
  expect(sentenceOf(picture, setup)).toContain(encodings[name as 'rotary'].about.title);
});

it.each([
  ['rotary', true],
  ['linear', true],
  ['ntk-aware', true],
  ['yarn', true],
  ['llama3', true],
  ['proportional', true],
  ['xpos', true],
  ['alibi', true],
  ['t5', true],
  ['shaw', true],
  ['none', true],
  ['learned', false],
  ['sinusoidal', false],
])('%s: a score does not change when both tokens move: %s', async (name, relative) => {
  const { shift } = await positionPicture({ ...setup, name });
  if (shift.problem !== undefined) throw new Error(shift.problem);
  expect(shift.change).toBe(shift.after - shift.before);
  if (relative) expect(changeOf(shift.change)).toBe('0.000000');
  else expect(Math.abs(shift.change)).toBeGreaterThan(1e-3);
});

it.each(['dynamic-ntk', 'longrope'])('%s is relative up to the trained length only', async (name) => {
  const inside = await positionPicture({ ...setup, name, m: 30, n: 3, by: 20 });
  const across = await positionPicture({ ...setup, name, m: 60, n: 3, by: 20 });
  const changes = [inside, across].map(({ shift }) => Math.abs('change' in shift ? shift.change : Infinity));
  expect(changes[0]).toBeLessThan(1e-9);
  expect(changes[1]).toBeGreaterThan(1e-3);
});

it.each(names.filter((name) => encodings[name as 'rotary'].about.kind === 'rotation'))(
  '%s: scores are those of queries and keys that the encoding turns itself',
  async (name) => {
    const { encoding } = encodingOf({ ...setup, name });
    if (encoding.kind !== 'rotation') throw new Error('no rotation');
    const device = createReference();
    const content = contentOf(setup);
    const D = setup.D;
    const of = (x: Float64Array) => tensor<'B L H D'>(device, Float32Array.from(x), [1, 1, 1, D]);
    for (const [query, key] of [
      [5, 5],
      [9, 2],
      [200, 31],
    ] as const) {
      const at = (position: number) => createPositions(device, { start: position, L: 1 });
      const turned = encoding.rotate(of(content.q), of(content.k), at(query), at(key));
      const [q, k] = [await turned.q.data(), await turned.k.data()];
      const want = q.reduce((sum, value, i) => sum + value * k[i]!, 0) / Math.sqrt(D);
      const place = { query, key, length: Math.max(query, key) + 1 };
      const got = await scoreOf(encoding, content, place, { heads: 4, head: 0 });
      expect(got).toBeCloseTo(want, 4);
    }
  },
);

it('the heat of a rotation is its table of cosines', async () => {
  const { heat } = await positionPicture({ ...setup, name: 'yarn', options: { factor: 4 } });
  const { cos } = yarn({ factor: 4, originalLength: 64 }).tables(16, [77], { length: 256 });
  const column = heat!.columns.indexOf(77);
  const shown = heat!.rows.map((_, pair) => heat!.values[pair * heat!.columns.length + column]!);
  expect(shown).toEqual([...Float32Array.from(cos)]);
});

it('a bias is what its matrix says, a head a row', async () => {
  const { heat, curve } = await positionPicture({ ...setup, name: 'alibi' });
  const slopes = alibiSlopes(4);
  const column = heat!.columns.indexOf(10);
  slopes.forEach((slope, head) => {
    expect(heat!.values[head * heat!.columns.length + column]).toBeCloseTo(-slope * 10, 6);
  });
  const [first] = curve.lines;
  expect(first!.values[10]! - first!.values[0]!).toBeCloseTo(-slopes[0]! * 10, 9);
  const t5 = encodingOf({ ...setup, name: 't5' }).encoding as T5Bias;
  const matrix = await t5.matrix(4, 1, 256, 255);
  const picture = await positionPicture({ ...setup, name: 't5' });
  expect(picture.heat!.values[3]).toBe(Math.fround(matrix[255 - 3]!));
});

it('a learned table ends, and says so', async () => {
  const picture = await positionPicture({ ...setup, name: 'learned', m: 62, n: 60, by: 5 });
  expect(picture.curve.distances.at(-1)).toBe(63);
  expect(picture.curve.ends).toContain('lies past the table');
  expect(picture.shift.problem).toContain('lies past the table');
  expect(sentenceOf(picture, setup)).toContain('Moving both tokens by 5 is refused');
});

it('counts the pairs that reach angles which training has not shown', async () => {
  const plain = await positionPicture(setup);
  const f = rotary().spectrum(16).inverseFrequencies;
  const want = [...f.keys()].filter((i) => f[i]! * 63 < 2 * Math.PI);
  expect(plain.spectrum!.unseen).toEqual(want);
  expect(want.length).toBeGreaterThan(0);
  // interpolated by the whole factor, the last position has the angle of the last trained one or less
  const linear = await positionPicture({ ...setup, name: 'linear', options: { factor: 256 / 63 } });
  expect(linear.spectrum!.unseen).toEqual([]);
  expect(sentenceOf(plain, setup)).toContain(`${want.length} of 8 pairs reach angles`);
});

it('the dial has the angles of the pair at both places', async () => {
  const { dial } = await positionPicture({ ...setup, name: 'dynamic-ntk' });
  const { inverseFrequencies } = dynamicNtk({ factor: 4, originalLength: 64 }).spectrum(16, 256);
  expect(dial).toEqual({
    pair: 2,
    pairs: 8,
    frequency: inverseFrequencies[2],
    query: 40 * inverseFrequencies[2]!,
    key: 33 * inverseFrequencies[2]!,
  });
});

it('Shaw’s score is that of its own attention', async () => {
  const { keys } = encodingOf({ ...setup, name: 'shaw' });
  const device = createReference();
  const encoding = shaw({ keys: tensor(device, keys!, [33, 16]) });
  const { q, k } = contentOf(setup);
  const one = (x: Float64Array, L: number) =>
    tensor(
      device,
      Float32Array.from({ length: L * 16 }, (_, i) => x[i % 16]!),
      [1, L, 1, 16],
    ) as never;
  const [L, offset] = [21, 20];
  const { weights } = encoding.attendWithWeights(
    { q: one(q, 1), k: one(k, L), v: one(k, L) },
    { causal: { offset } },
  );
  const shares = await weights.data();
  const scores = await Promise.all(
    Array.from({ length: L }, (_, key) =>
      scoreOf(encoding, { q, k }, { query: 20, key, length: L }, { heads: 1, head: 0, keys: keys! }),
    ),
  );
  const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
  scores.forEach((score, key) => {
    expect(shares[key]).toBeCloseTo(Math.exp(score) / total, 5);
  });
});

it('refuses what the encoding refuses, in its words', async () => {
  await expect(positionPicture({ ...setup, options: { base: -1 } })).rejects.toThrow('rotary: base must be');
  await expect(positionPicture({ ...setup, name: 'rope' })).rejects.toThrow('must be one of sinusoidal');
});
