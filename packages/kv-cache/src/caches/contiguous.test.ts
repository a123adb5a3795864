import { createPositions, createReference, type Tensor, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { checkCache, plainSpec } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';
import { createContiguous } from './contiguous.ts';

checkCache('contiguous', subjects.contiguous);

const device = createReference();
const rows = (L: number, B = 1, shape: readonly number[] = [2, 4]): Tensor =>
  tensor(device, new Float32Array(B * L * 8).fill(1), [B, L, ...shape]);

function filled(tokens: number) {
  const cache = createContiguous({ device, spec: plainSpec, B: 1, capacity: 8 });
  cache.append({ k: rows(tokens), v: rows(tokens) });
  return cache;
}

it('appends in place: the view is the same tensors from the first token to the last', async () => {
  const cache = filled(2);
  const { k } = cache.view().rows;
  const { buffers } = device.memory;
  const one = rows(1);
  for (let n = 0; n < 6; n++) expect(cache.append({ k: one, v: one }).rows.k).toBe(k);
  // the rows that are appended, and the number of the newest slot
  expect(device.memory.buffers).toBe(buffers + 2);
  const { rows: kept, cursor, ...numbers } = cache.view();
  expect(kept.k).toBe(k);
  expect(numbers).toEqual({ valid: 8, offset: 7 });
  expect(await cursor!.data()).toEqual(Int32Array.of(7, 8));
});

it('says where slots and queries stand once sequences differ, and goes on in that form', async () => {
  const cache = createContiguous({ device, spec: plainSpec, B: 2, capacity: 4 });
  const at = (rows: number[][]) => createPositions(device, rows);
  const prompt = cache.append({ k: rows(2, 2), v: rows(2, 2) }, at([[0, 1]]));
  expect(Object.keys(prompt)).toEqual(['rows', 'valid', 'offset', 'cursor']);
  const uneven = cache.append({ k: rows(1, 2), v: rows(1, 2) }, at([[2], [-1]]));
  expect(await uneven.keyPositions!.data()).toEqual(Int32Array.of(0, 1, 2, -1, 0, 1, -1, -1));
  expect(await uneven.queryPositions!.data()).toEqual(Int32Array.of(2, -1));
  const level = cache.append({ k: rows(1, 2), v: rows(1, 2) }, at([[-1], [2]]));
  expect(cache.lengths).toEqual([3, 3]);
  expect([level.keyPositions, level.queryPositions]).toEqual([uneven.keyPositions, uneven.queryPositions]);
  expect(await level.keyPositions!.data()).toEqual(Int32Array.of(0, 1, 2, -1, 0, 1, 2, -1));
  // what makes them equal by itself starts anew
  cache.crop(2);
  expect(cache.view().keyPositions).toBeUndefined();
});

it('a prompt with nobody in all sequences needs positions of its queries only', async () => {
  const cache = createContiguous({ device, spec: plainSpec, B: 2, capacity: 4 });
  const view = cache.append({ k: rows(3, 2), v: rows(3, 2) }, createPositions(device, [[-1, 0, 1]]));
  expect(view.keyPositions).toBeUndefined();
  expect(await view.queryPositions!.data()).toEqual(Int32Array.of(-1, 0, 1, -1, 0, 1));
  expect(cache.lengths).toEqual([2, 2]);
});

it.each([
  [
    'a position beyond the end of a sequence',
    () => filled(5).append({ k: rows(2), v: rows(2) }, createPositions(device, [[5, 7]])),
    'contiguous.append: at[0][1] must be 6, where sequence 0 goes on, or −1 for nobody (append the tokens before it first), got 7',
  ],
  [
    'a position that is taken',
    () => filled(5).append({ k: rows(1), v: rows(1) }, createPositions(device, [[4]])),
    'contiguous.append: at[0][0] must be 5, where sequence 0 goes on, or −1 for nobody (crop it first to write there again), got 4',
  ],
  [
    'positions of another batch',
    () => filled(5).append({ k: rows(1), v: rows(1) }, createPositions(device, [[5], [5]])),
    'contiguous.append: at must be positions [1, L], as createPositions makes them, got "positions [2, 1]"',
  ],
  [
    'positions of more columns',
    () => filled(5).append({ k: rows(1), v: rows(1) }, createPositions(device, [[5, 6]])),
    'contiguous.append: at must have 1 columns, one a row of a sequence, got "2"',
  ],
  [
    'more tokens of one sequence than there is room for',
    () => {
      const cache = createContiguous({ device, spec: plainSpec, B: 2, capacity: 3 });
      const at = createPositions(device, [[0], [0, 1, 2, 3]]);
      cache.append({ k: rows(4, 2), v: rows(4, 2) }, at);
    },
    'contiguous.append: the tokens of sequence 1 must be at most 3: 0 of its 3 tokens are in use (crop or reset the cache, or create it larger), got 4',
  ],
  [
    'a crop of one sequence beyond its length',
    () => filled(5).crop([6]),
    'contiguous.crop: lengths[0] must be a whole number from 0 to 5, the present length of sequence 0, got 6',
  ],
  [
    'an append beyond the capacity',
    () => filled(5).append({ k: rows(4), v: rows(4) }),
    'contiguous.append: L must be at most 3: 5 of 8 tokens are in use (crop or reset the cache, or create it larger), got 4',
  ],
  [
    'a crop beyond the length',
    () => filled(5).crop(6),
    'contiguous.crop: length must be a whole number from 0 to 5, the present length, got 6',
  ],
  [
    'an order out of range',
    () => filled(5).take([1]),
    'contiguous.take: order[0] must be a whole number from 0 to 0, got 1',
  ],
  [
    'an order of none',
    () => filled(5).take([]),
    'contiguous.take: order must be a list of indices of the 1 sequences, at least one, got []',
  ],
  [
    'a name that is missing',
    () => filled(5).append({ k: rows(1) }),
    'contiguous.append: rows.v must be a tensor [1, L, 2, 4], got undefined',
  ],
  [
    'a name that it does not keep',
    () => filled(5).append({ k: rows(1), v: rows(1), z: rows(1) }),
    'contiguous.append: rows.z is not kept by this layer, which keeps k, v, got "z"',
  ],
  [
    'keys and values of different lengths',
    () => filled(5).append({ k: rows(1), v: rows(2) }),
    `contiguous.append: axis L has two sizes: k says 1, v says 2
  k  [1=1, L=1, 2=2, 4=4]
  v  [1=1, L=2, 2=2, 4=4]`,
  ],
  [
    'rows of another batch',
    () => filled(5).append({ k: rows(1, 2), v: rows(1, 2) }),
    'contiguous.append: axis 0 of k must be 1, it is 2',
  ],
  [
    'rows of other heads',
    () => filled(5).append({ k: rows(1, 1, [4, 2]), v: rows(1) }),
    'contiguous.append: axis 2 of k must be 2, it is 4',
  ],
  [
    'rows that are disposed',
    () => {
      const gone = rows(1);
      gone.dispose();
      filled(5).append({ k: gone, v: rows(1) });
    },
    'reference: contiguous.append: k [1, 1, 2, 4] is disposed',
  ],
  [
    'a state that is not recurrent',
    () => filled(5).advance({}, 1),
    'contiguous.advance: the state must be recurrent; this layer keeps rows, which append adds, got "full"',
  ],
  [
    'use after dispose',
    () => {
      const cache = filled(5);
      cache.dispose();
      cache.append({ k: rows(1), v: rows(1) });
    },
    'reference: contiguous.append: the cache is disposed',
  ],
])('refuses %s', (_, act, message) => {
  expect(act).toThrow(message);
});

it.each([
  [{ B: 0 }, 'contiguous: B must be a whole number ≥ 1, got 0'],
  [{ capacity: 0 }, 'contiguous: capacity must be a whole number ≥ 1, got 0'],
  [{ limit: 0.5 }, 'contiguous: limit must be a whole number ≥ 1, got 0.5'],
  [
    { spec: { ...plainSpec, kind: 'recurrent' as const, constant: { S: [2] } } },
    'contiguous: spec.kind must be full or window or latent for this cache, got "recurrent"',
  ],
  [
    { spec: { ...plainSpec, rows: { k: [2, 0] } } },
    'contiguous: spec size of k must be a whole number ≥ 1, got 0',
  ],
])('cannot be made with %j', (wrong, message) => {
  expect(() => createContiguous({ device, spec: plainSpec, B: 1, capacity: 8, ...wrong })).toThrow(message);
});
