import { attention, createReference, type Tensor, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { type CacheSubject, checkCache, laws, plainSpec } from '../conformance/index.ts';
import { tokenRows } from '../conformance/recompute.ts';
import type { Cache } from '../contract.ts';
import { everyFourth, recallSegments, subjects } from '../testing/subjects.ts';
import { createAnchorEvicting } from './anchor-evicting.ts';

checkCache('anchor-evicting', subjects['anchor-evicting']);

const bySequence = (b: number, position: number): boolean => position % (3 + b) === 2 + b;

it('sequences may be cut differently', async () => {
  const subject: CacheSubject = {
    create: (options) => createAnchorEvicting({ ...options, isAnchor: bySequence }),
    recall: recallSegments(bySequence),
  };
  await laws['equals recomputing the sequence, in chunks of any size'](subject, createReference());
  await laws['one append of everything equals many'](subject, createReference());
  await laws['a file holds the moment of the call, and loads into an equal cache'](
    subject,
    createReference(),
  );
});

it('holds the anchors and the open segment, whatever the length', () => {
  const device = createReference();
  const cache = createAnchorEvicting({ device, spec: plainSpec, B: 1, capacity: 12, isAnchor: everyFourth });
  const feed = (L: number): void => {
    const rows = (name: string) =>
      tensor(device, tokenRows(name, [2, 4], [Array.from({ length: L }, (_, i) => i)]), [1, L, 2, 4]);
    cache.append({ k: rows('k'), v: rows('v') });
  };
  const held: number[] = [];
  for (let step = 0; step < 10; step++) {
    feed(1);
    held.push(cache.held);
  }
  expect(held).toEqual([1, 2, 3, 1, 2, 3, 4, 2, 3, 4]);
  expect(cache.bytes().used).toBe(4 * 4 * 16);
  // 22 tokens of which 8 anchors and the open segment are left
  feed(22);
  expect([cache.length, cache.held]).toEqual([32, 8]);
  expect(() => feed(30)).toThrow(
    'anchor-evicting.append: L must leave at most 12 anchors and tokens of the open segment, it would leave 17 (crop or reset the cache, or create it larger), got 30',
  );
  expect([cache.length, cache.held]).toEqual([32, 8]);
  // until something else is appended, what was let go still stands in the copy that is shown
  expect(() => cache.checkCrop(30)).not.toThrow();
  feed(1);
  expect(() => cache.crop(30)).toThrow(
    'anchor-evicting.crop: length must not reach into a closed segment: sequence 0 no longer holds the token at 28, got 30',
  );
});

it('an append of no token leaves what a crop can bring back', () => {
  const device = createReference();
  const cache = createAnchorEvicting({ device, spec: plainSpec, B: 1, capacity: 12, isAnchor: everyFourth });
  const feed = (L: number): void => {
    const rows = tensor(device, new Float32Array(L * 8), [1, L, 2, 4]);
    cache.append({ k: rows, v: rows });
  };
  feed(4);
  feed(0);
  cache.crop(3);
  expect([cache.length, cache.held]).toEqual([3, 3]);
});

it('a sequence keeps its own cuts when it is reordered', async () => {
  const device = createReference();
  const cuts = [new Set([1]), new Set([2])];
  const create = (order: readonly number[]) =>
    createAnchorEvicting({
      device,
      spec: plainSpec,
      B: 2,
      capacity: 8,
      isAnchor: (b, position) => cuts[order[b]!]!.has(position),
    });
  const first = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ];
  const next = [[9], [10]];
  const rows = (name: string, row: readonly number[], tokens: number[][]): Tensor =>
    tensor(device, tokenRows(name, row, tokens), [2, tokens[0]!.length, ...row]);
  const append = (cache: Cache, tokens: number[][]) =>
    cache.append({ k: rows('k', [2, 4], tokens), v: rows('v', [2, 4], tokens) });
  const attend = (cache: Cache) => {
    const { rows: kept, keyPositions, keyUntil, offset, valid } = append(cache, next);
    const q: Tensor = rows('q', [4, 4], next);
    const inputs = { q, k: kept.k!, v: kept.v!, keyPositions, keyUntil };
    return attention(inputs, { causal: { offset }, valid }).data();
  };

  const order = [0, 1];
  const turned = create(order);
  append(turned, first);
  turned.take([1, 0]);
  order.reverse();
  const straight = create([1, 0]);
  append(straight, first.toReversed());
  expect(await attend(turned)).toEqual(await attend(straight));
  const positions = await turned.view().keyPositions!.data();
  expect([...positions.subarray(0, 8)].filter((p) => p >= 0).sort()).toEqual([2, 3, 4]);
  expect([...positions.subarray(8)].filter((p) => p >= 0).sort()).toEqual([1, 2, 3, 4]);
});

it('asks for a function that knows the anchors', () => {
  const options = { device: createReference(), spec: plainSpec, B: 1, capacity: 4 };
  expect(() => createAnchorEvicting(options as never)).toThrow(
    'anchor-evicting: isAnchor must be a function of b and position, got undefined',
  );
});
