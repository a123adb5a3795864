import { createReference } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { HostTensor } from './formats/safetensors.ts';
import {
  appended,
  filled,
  part,
  permuted,
  plus,
  reshaped,
  scaledColumns,
  stacked,
  transposed,
  type WeightBuilder,
} from './weight-sources.ts';
import { buildWeights } from './weights.ts';

const f32 = (shape: readonly number[], ...values: number[]): HostTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(values),
});

/** `[2, 3]` */
const matrix = f32([2, 3], 1, 2, 3, 4, 5, 6);
const files = new Map<string, HostTensor>([
  ['w', matrix],
  ['u', f32([2, 3], 7, 8, 9, 10, 11, 12)],
  ['v', f32([3], 1, 2, 3)],
  ['cube', f32([2, 3, 2], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)],
  ['wide', { dtype: 'F64', shape: [2], data: Float64Array.of(1, -2) }],
]);

/** What is made of those files, as one weight. */
async function made(
  shape: readonly number[],
  of: (file: Parameters<WeightBuilder>[0]) => ReturnType<typeof plus>,
) {
  const used: string[] = [];
  const source = of((name) => {
    used.push(name);
    return { files: [name], shape: undefined, numbers: () => new Float32Array() };
  });
  expect(source.files).toEqual(used);
  const own = new Map([...files].filter(([name]) => used.includes(name)));
  const built = buildWeights(createReference(), { x: shape }, own, (file) => ({ x: of(file) }));
  expect(built.x!.shape).toEqual(shape);
  return [...(await built.x!.data())];
}

describe('a weight is made of tensors', () => {
  it('as they are, in whatever format they are stored', async () => {
    expect(await made([2, 3], (file) => file('w'))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await made([2], (file) => file('wide'))).toEqual([1, -2]);
  });

  it('turned', async () => {
    expect(await made([3, 2], (file) => transposed(file('w')))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(await made([2, 3], (file) => transposed(transposed(file('w'))))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('with its axes in another order', async () => {
    expect(await made([3, 2], (file) => permuted(file('w'), [1, 0]))).toEqual([1, 4, 2, 5, 3, 6]);
    // cube[a][b][c] = 6a + 2b + c
    const turned = [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11];
    expect(await made([2, 2, 3], (file) => permuted(file('cube'), [2, 0, 1]))).toEqual(turned);
    expect(await made([2, 3, 2], (file) => permuted(permuted(file('cube'), [2, 0, 1]), [1, 2, 0]))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
  });

  it('its columns times a gain, and the gain that is left', async () => {
    const scaled = [1, 4, 9, 4, 10, 18];
    expect(await made([2, 3], (file) => scaledColumns(file('w'), file('v')))).toEqual(scaled);
    expect(await made([3], (file) => filled(file('v'), 1))).toEqual([1, 1, 1]);
  });

  it('a part along any axis', async () => {
    expect(await made([1, 3], (file) => part(file('w'), 0, 1, 1))).toEqual([4, 5, 6]);
    expect(await made([2, 2], (file) => part(file('w'), 1, 1, 2))).toEqual([2, 3, 5, 6]);
    expect(await made([2, 1, 2], (file) => part(file('cube'), 1, 2, 1))).toEqual([4, 5, 10, 11]);
    expect(await made([2], (file) => part(file('v'), 0, 0, 2))).toEqual([1, 2]);
  });

  it('with a number added, and the file’s own numbers left alone', async () => {
    expect(await made([3], (file) => plus(file('v'), 1))).toEqual([2, 3, 4]);
    expect([...files.get('v')!.data]).toEqual([1, 2, 3]);
  });

  it('in another shape', async () => {
    expect(await made([3, 2], (file) => reshaped(file('w'), [3, 2]))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('several as one, behind one another or under one another', async () => {
    expect(await made([2, 2, 3], (file) => stacked([file('w'), file('u')]))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ]);
    const rows = [1, 2, 3, 4, 5, 6, 10, 11, 12];
    expect(await made([3, 3], (file) => appended([file('w'), part(file('u'), 0, 1, 1)]))).toEqual(rows);
    expect(await made([6], (file) => appended([file('v'), file('v')]))).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it('one step after the other: a third of a projection that lies on its side', async () => {
    const query = [2, 5];
    expect(await made([1, 2], (file) => transposed(part(file('w'), 1, 1, 1)))).toEqual(query);
    expect(await made([2], (file) => reshaped(part(transposed(file('w')), 0, 1, 1), [2]))).toEqual(query);
  });
});

describe('the report names what does not fit', () => {
  const refusal = (
    wanted: Readonly<Record<string, readonly number[]>>,
    build: WeightBuilder,
    names = [...files.keys()],
    copies: Readonly<Record<string, string>> = {},
  ): string => {
    const device = createReference();
    const own = new Map(names.map((name) => [name, files.get(name)!]));
    try {
      buildWeights(device, wanted, own, build, { copies });
    } catch (error) {
      expect(device.memory.buffers).toBe(0);
      return (error as Error).message;
    }
    return 'nothing';
  };

  it('all of it at once', () => {
    expect(
      refusal(
        { a: [3, 2], b: [2, 2], c: [4], d: [3, 3], e: [2, 3, 2], f: [2] },
        (file) => ({
          a: transposed(file('gone')),
          b: part(file('w'), 1, 2, 2),
          c: transposed(file('v')),
          d: stacked([file('u'), file('v')]),
          e: stacked([file('cube'), file('lost')]),
          g: plus(file('wide'), 1),
        }),
        ['w', 'u', 'v', 'cube', 'wide'],
      ),
    ).toMatchInlineSnapshot(`
      "weights: the tensors are not those of the model
        - "gone" is missing, for "a" [3, 2]
        - "lost" is missing, for "e" [2, 3, 2]
        - "w" must be [2, 2], it is [2, 3]
        - "v" must be [4], it is [3]
        - "u" [2, 3] and "v" [3] do not go together, for "d" [3, 3]
        - "f" [2] is made of no tensor
        - "g" is made of "wide", and the model has no such weight"
    `);
    expect(refusal({}, () => ({}), ['v'])).toMatchInlineSnapshot(`
      "weights: the tensors are not those of the model
        - "v" is unknown: the model has no such weight"
    `);
  });

  it('numbers that are none, and no more than twenty lines', () => {
    const device = createReference();
    const ids = new Map([['ids', { dtype: 'I32', shape: [2], data: Int32Array.of(1, 2) } as HostTensor]]);
    expect(() =>
      buildWeights(device, { a: [2] }, ids, (file) => ({ a: file('ids') })),
    ).toThrowErrorMatchingInlineSnapshot(`
      [FormatError: weights: the tensors are not those of the model
        - "ids" must hold floating-point numbers, it is I32]
    `);
    const many = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`w${i}`, [2]]));
    const report = refusal(many, () => ({}), []);
    expect(report).toContain('"w19" [2] is made of no tensor');
    expect(report).not.toContain('w20');
    expect(report).toContain('and 5 more');
  });

  it('what is unknown, but for buffers that follow from the config and true copies', () => {
    const device = createReference();
    const own = new Map([
      ['embed', matrix],
      ['lm_head', f32([2, 3], 1, 2, 3, 4, 5, 6)],
      ['model.layers.0.self_attn.rotary_emb.inv_freq', f32([1], 1)],
    ]);
    const build: WeightBuilder = (file) => ({ embed: file('embed') });
    const copies = { lm_head: 'embed' };
    expect(Object.keys(buildWeights(device, { embed: [2, 3] }, own, build, { copies }))).toEqual(['embed']);
    own.set('lm_head', f32([2, 3], 1, 2, 3, 4, 5, 7));
    expect(() => buildWeights(device, { embed: [2, 3] }, own, build, { copies })).toThrow(
      '"lm_head" is unknown: the model has no such weight',
    );
  });

  it('nothing of what was put on the device stays when one cannot be', () => {
    const device = createReference();
    const own = new Map([
      ['v', files.get('v')!],
      ['w', { ...matrix, data: Float32Array.of(1) } as HostTensor],
    ]);
    const build: WeightBuilder = (file) => ({ v: file('v'), w: file('w') });
    expect(() => buildWeights(device, { v: [3], w: [2, 3] }, own, build)).toThrow();
    expect(device.memory.buffers).toBe(0);
  });
});

it('stacks nothing into nothing, which the report says', () => {
  expect(stacked([]).shape).toBeUndefined();
  expect(appended([]).shape).toBeUndefined();
});
