import { createReference, type Tensor, tensor } from '@headwise/tensor';
import { expect, it } from 'vitest';
import { checkCache, plainSpec } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';
import { createRing } from './ring.ts';

checkCache('ring', subjects.ring);
checkCache('ring with slack', subjects['ring with slack']);
checkCache('ring of one', subjects['ring of one']);
checkCache('ring with sinks', subjects['ring with sinks']);

const device = createReference();
const spec = { ...plainSpec, kind: 'window', cap: 6, sinks: 2, rows: { k: [1] } } as const;
const options = { device, spec, B: 1, capacity: 6 };

function row(...values: number[]): { readonly k: Tensor } {
  return { k: tensor(device, values, [1, values.length, 1]) };
}

it('keeps the sinks and the last tokens, each where its position says', async () => {
  const ring = createRing(options);
  for (let position = 0; position < 9; position++) ring.append(row(position));
  const { rows, keyPositions, valid, offset } = ring.view();
  expect(await keyPositions!.data()).toEqual(Int32Array.of(0, 1, 6, 7, 8, 5));
  expect(await rows.k!.data()).toEqual(Float32Array.of(0, 1, 6, 7, 8, 5));
  expect([valid, offset, ring.length, ring.held]).toEqual([6, 8, 9, 6]);
});

it('shows a chunk with the older tokens its first query sees, and keeps the newest', async () => {
  const ring = createRing(options);
  for (let position = 0; position < 8; position++) ring.append(row(position));
  const chunk = ring.append(row(8, 9, 10, 11, 12));
  expect(await chunk.keyPositions!.data()).toEqual(Int32Array.of(0, 1, 5, 6, 7, 8, 9, 10, 11, 12));
  expect(await chunk.rows.k!.data()).toEqual(Float32Array.of(0, 1, 5, 6, 7, 8, 9, 10, 11, 12));
  const { buffers, liveBytes } = device.memory;
  const kept = ring.append(row(13));
  expect(await kept.keyPositions!.data()).toEqual(Int32Array.of(0, 1, 10, 11, 12, 13));
  // the copy of the chunk, its rows and its positions, is gone; the new row is there
  expect([device.memory.buffers, device.memory.liveBytes]).toEqual([buffers - 2 + 1, liveBytes - 80 + 4]);
});

it('takes a chunk back as long as the copy of it is shown', async () => {
  const ring = createRing(options);
  for (let position = 0; position < 8; position++) ring.append(row(position));
  const kept = async () => [
    await ring.view().rows.k!.data(),
    await ring.view().keyPositions!.data(),
    ring.length,
  ];
  const before = [Float32Array.of(0, 1, 6, 7, 4, 5), Int32Array.of(0, 1, 6, 7, 4, 5), 8];
  expect(await kept()).toEqual(before);
  ring.append(row(8, 9, 10, 11, 12));
  ring.crop(8);
  // the query at 8 sees 5, 6, 7 and itself: the slot of 4 is what the chunk left in it
  const [rows, positions, length] = await kept();
  expect(positions).toEqual(Int32Array.of(0, 1, 6, 7, -1, 5));
  expect([...(rows as Float32Array)].filter((_, slot) => slot !== 4)).toEqual([0, 1, 6, 7, 5]);
  expect(length).toBe(8);
});

it('names positions from the first token on, in one tensor', async () => {
  const ring = createRing(options);
  const first = ring.append(row(0)).keyPositions;
  expect(await first!.data()).toEqual(Int32Array.of(0, -1, -1, -1, -1, -1));
  for (let position = 1; position < 20; position++)
    expect(ring.append(row(position)).keyPositions).toBe(first);
  // pieces of a prompt leave them out while every slot holds the position of its number
  const prompt = createRing(options);
  expect(prompt.append(row(0, 1, 2)).keyPositions).toBeUndefined();
  expect(prompt.append(row(3)).keyPositions).toBeDefined();
});

it('takes tokens back as far as its slack goes', () => {
  const tight = createRing(options);
  const loose = createRing({ ...options, capacity: 9 });
  for (const ring of [tight, loose])
    for (let position = 0; position < 20; position++) ring.append(row(position));
  expect(() => tight.crop(18)).toThrow(
    'ring.crop: length must be from 0 to 2, or at least 19: the window of 4 before it is overwritten (a capacity of 7 would still hold it), got 18',
  );
  expect(tight.length).toBe(20);
  tight.crop(19);
  loose.crop(16);
  expect([tight.length, loose.length]).toEqual([19, 16]);
  tight.crop(2);
  expect([tight.length, tight.held]).toEqual([2, 2]);
});

it.each([
  [
    { spec: { ...spec, cap: Infinity } },
    'ring: spec.cap must be a whole number above its 2 sinks, got Infinity',
  ],
  [{ spec: { ...spec, cap: 2 } }, 'ring: spec.cap must be a whole number above its 2 sinks, got 2'],
  [
    { capacity: 5 },
    'ring: capacity must be at least 6, the tokens the window keeps (a contiguous cache holds fewer), got 5',
  ],
  [{ spec: plainSpec }, 'ring: spec.kind must be window for this cache, got "full"'],
])('cannot be made with %j', (wrong, message) => {
  expect(() => createRing({ ...options, ...wrong })).toThrow(message);
});
