import { type AttentionVariant, configure, groupedQuery, slidingWindow } from '@headwise/attention-variants';
import { variants } from '@headwise/attention-variants/registry';
import { rotary, sinusoidal } from '@headwise/positional';
import { createDevice, createReference, tensor } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { block } from './block.ts';
import { createDecoder, decoderParameters } from './decoder.ts';
import { createGeglu, createGeluMlp } from './parts/feed-forward.ts';
import { createLayerNorm } from './parts/norms.ts';
import { randomWeights } from './random-weights.ts';
import type { Session } from './session.ts';
import { tinyBlock, tinyDecoder, tinyParts } from './testing/tiny.ts';

const ids = [3, 1, 4, 1, 5, 9, 2, 6, 5];

// cross-attention reads a second text, which a decoder alone does not have
const names = (Object.keys(variants) as (keyof typeof variants)[]).filter(
  (name) => name !== 'cross-attention',
);

describe.each(names)('with %s attention', (name) => {
  it('gives one logits for one text, however it is cut into steps', async () => {
    const device = createReference();
    const decoder = tinyDecoder(device, {
      blocks: { attention: configure(variants[name] as AttentionVariant) },
    });
    const whole = await decoder.start().forward(ids).data(); // [1, 9, 20]

    const session = decoder.start();
    const first = await session.step(ids.slice(0, 4)).data();
    assertClose(first, whole.subarray(3 * 20, 4 * 20));
    for (let i = 4; i < ids.length; i++)
      assertClose(await session.step([ids[i]!]).data(), whole.subarray(i * 20, (i + 1) * 20));
    expect(session.length).toBe(9);
  });
});

describe.each(['reference', 'gpujs:webasm'])('on %s', (name) => {
  it('frees every intermediate: 200 steps leave what one leaves', async () => {
    const device = await createDevice(name);
    using decoder = tinyDecoder(device, { context: 201 });
    const decode = (session: Session): void => {
      for (let i = 0; i < 200; i++) session.step([i % 20]).dispose();
    };
    // the first text fills the rotation tables, which stay
    using first = decoder.start();
    decode(first);
    using second = decoder.start();
    second.step([1]).dispose();
    const before = device.memory;
    decode(second);
    expect(device.memory.liveBytes).toBe(before.liveBytes);
    expect(device.memory.buffers).toBe(before.buffers);
  });
});

it('frees weights and states when it is disposed', () => {
  const device = createReference();
  const position = rotary();
  const decoder = tinyDecoder(device, { blocks: { position } });
  const session = decoder.start();
  session.step(ids).dispose();
  session.dispose();
  decoder.dispose();
  position.dispose();
  expect(device.memory.buffers).toBe(0);
});

it('runs several sequences side by side as it runs each alone', async () => {
  const decoder = tinyDecoder(createReference());
  const both = decoder.start({ B: 2 });
  const rows = [ids, [...ids].reverse()];
  const together = await both.step(rows).data();
  const next = await both.step([[7], [8]]).data();
  for (const b of [0, 1]) {
    const alone = decoder.start();
    assertClose(together.subarray(b * 20, (b + 1) * 20), await alone.step(rows[b]!).data());
    assertClose(next.subarray(b * 20, (b + 1) * 20), await alone.step([7 + b]).data());
  }
});

it('takes tokens back and goes on as if they had never been', async () => {
  const decoder = tinyDecoder(createReference());
  const session = decoder.start();
  session.step(ids);
  session.crop(4);
  const got = await session.step([7]).data();
  assertClose(
    got,
    await decoder
      .start()
      .step([...ids.slice(0, 4), 7])
      .data(),
  );
  expect(() => session.crop(6)).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session.crop: length must be a whole number from 0 to 5, got 6]`,
  );
});

it('takes a block for each layer: a window below full attention, no rotation above it', async () => {
  const windowed = block({ ...tinyBlock, attention: configure(slidingWindow, { window: 3 }) });
  const full = block({ ...tinyBlock, attention: configure(groupedQuery, { Hkv: 1 }), position: undefined });
  const decoder = tinyDecoder(createReference(), { blocks: (layer) => (layer === 0 ? windowed : full) });
  expect(Object.values(decoder.specs).map(({ kind, cap }) => [kind, cap])).toEqual([
    ['window', 3],
    ['full', Infinity],
  ]);
  const whole = await decoder.start().forward(ids).data();
  const session = decoder.start();
  for (const [i, id] of ids.entries())
    assertClose(await session.step([id]).data(), whole.subarray(i * 20, (i + 1) * 20));
});

it('builds GPT-2 and Gemma shapes from the same parts', async () => {
  const device = createReference();
  for (const mlp of [createGeluMlp({ F: 24, kind: 'tanh' }), createGeglu({ F: 24 })]) {
    const decoder = tinyDecoder(device, {
      blocks: { mlp, norm: createLayerNorm(), position: undefined },
      norm: createLayerNorm(),
      position: sinusoidal(),
      tied: false,
    });
    const logits = await decoder.start().step(ids).data();
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(decoder.size).toBe(
      Object.values(decoderParameters(decoder.parts)).reduce(
        (n, shape) => n + shape.reduce((a, b) => a * b),
        0,
      ),
    );
  }
});

it('adds an input encoding once: other positions give other logits', async () => {
  const decoder = tinyDecoder(createReference(), { position: sinusoidal() });
  const a = await decoder.start().step([1, 2, 3]).data();
  const b = await decoder.start().step([2, 1, 3]).data();
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeGreaterThan(1e-3);
});

it('shows every layer to who looks', async () => {
  const decoder = tinyDecoder(createReference());
  const seen: string[] = [];
  decoder.start().step(ids, {
    extras: ['weights'],
    look: ({ layer, y, extras }) => seen.push(`${layer} ${y.shape} ${extras.weights?.shape}`),
  });
  expect(seen).toEqual(['0 1,9,16 1,4,9,24', '1 1,9,16 1,4,9,24']);
});

it('refuses what does not fit, and stays as it was', async () => {
  const decoder = tinyDecoder(createReference());
  const session = decoder.start({ capacity: 10 });
  session.step(ids);
  expect(() => session.step([1, 2])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: ids must be at most 1 tokens (10 positions, 9 of them taken; a session with a larger capacity has more), got 2]`,
  );
  expect(() => session.step([20])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: ids[0] must be a whole number from 0 to 19 (the table has 20 rows), got 20]`,
  );
  expect(() => session.step([1.5])).toThrow('must be a whole number from 0 to 19');
  expect(() => session.step([])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: ids must bring at least one token, got [0]]`,
  );
  expect(() => session.step([[1], [2]])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: ids must be 1 rows, got 2]`,
  );
  assertClose(
    await session.step([7]).data(),
    await decoder
      .start()
      .step([...ids, 7])
      .data(),
  );
  session.dispose();
  expect(() => session.step([1])).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: step is not possible, it is disposed; start a new one, got "it is disposed"]`,
  );
});

it('refuses sizes that cannot be', () => {
  const decoder = tinyDecoder(createReference());
  expect(() => decoder.start({ capacity: 0 })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: capacity must be a whole number ≥ 1 (the default is the model’s context), got 0]`,
  );
  expect(() => decoder.start({ limit: 25 })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: limit must be at most the model’s 24 positions, got 25]`,
  );
  expect(() => decoder.start({ cache: () => [] })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: cache must make the 2 states 0.self, 1.self, got []]`,
  );
  const endless = tinyDecoder(createReference(), { context: undefined });
  expect(() => endless.start()).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: capacity must be a whole number ≥ 1 (the default is the model’s context), got Infinity]`,
  );
});

it('forgets with a window and then has no bound', () => {
  const decoder = tinyDecoder(createReference(), {
    blocks: { attention: configure(slidingWindow, { window: 4 }) },
    context: undefined,
  });
  const session = decoder.start({ capacity: 8 });
  for (let i = 0; i < 40; i++) session.step([i % 20]).dispose();
  expect(session.length).toBe(40);
});

it('refuses weights that are not the model’s', () => {
  const device = createReference();
  const weights = randomWeights(device, decoderParameters(tinyParts));
  const { 'norm.weight': norm, ...rest } = weights;
  expect(() => createDecoder({ ...tinyParts, device, weights: rest })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: decoder: weights must be those of decoderParameters (missing norm.weight), got "19 weights"]`,
  );
  expect(() =>
    createDecoder({ ...tinyParts, device, weights: { ...weights, head: norm! } }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: decoder: weights must be those of decoderParameters (unknown head), got "21 weights"]`,
  );
  const embed = tensor(device, new Float32Array(16 * 19), [19, 16]);
  expect(() =>
    createDecoder({ ...tinyParts, device, weights: { ...weights, embed } }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [ShapeError: decoder: embed must be [20, 16]
      embed  [?=19, ?=16]]
  `);
});

it('refuses parts that do not go together', () => {
  expect(() =>
    decoderParameters({
      ...tinyParts,
      blocks: block({ ...tinyBlock, attention: configure(groupedQuery, { Hkv: 3 }) }),
    }),
  ).toThrowErrorMatchingInlineSnapshot(
    `[ShapeError: grouped-query: H = 4 query heads cannot be split into Hkv = 3 groups; Hkv may be 1, 2, 4]`,
  );
  expect(() => block({ ...tinyBlock, position: sinusoidal() })).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: attentionPart: position must act inside attention; give one that is added to the embeddings to the model, got "sinusoidal"]`,
  );
});
