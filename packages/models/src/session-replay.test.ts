import {
  chunked,
  configure,
  crossLayer,
  groupedQuery,
  linear,
  multiHead,
  multiHeadLatent,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { createPaged, createStates } from '@headwise/kv-cache';
import { alibi, dynamicNtk, rotary } from '@headwise/positional';
import { createDevice, createReference, type Device } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { Decoder } from './decoder.ts';
import { learnedPositions } from './parts/trained-position.ts';
import type { Session } from './session.ts';
import type { SessionOptions } from './session-contract.ts';
import { tinyDecoder } from './testing/tiny.ts';

type Changes = Parameters<typeof tinyDecoder>[1];

/** The same model twice: on a device that records steps, and on one that does not. */
async function both(changes: Changes): Promise<readonly [Decoder, Decoder]> {
  const [device, plain] = await Promise.all([createDevice('wasm'), createDevice('wasm')]);
  Object.defineProperty(plain, 'record', { value: undefined });
  const on = (of: Device): Decoder => tinyDecoder(of, { context: 160, ...changes });
  return [on(device), on(plain)];
}

async function sameStep(one: Session, other: Session, ids: readonly (readonly number[])[]): Promise<void> {
  const [x, y] = [one.step(ids), other.step(ids)];
  expect(await x.data()).toEqual(await y.data());
  x.dispose();
  y.dispose();
}

const models: Readonly<Record<string, Changes>> = {
  'multi-head': { blocks: { attention: configure(multiHead), position: rotary() } },
  'of fewer heads, without positions': {
    blocks: { attention: configure(groupedQuery, { Hkv: 2 }), position: undefined },
  },
  'a ring': { blocks: { attention: configure(slidingWindow, { window: 5 }), position: rotary() } },
  'a ring with sinks': {
    blocks: { attention: configure(sinkTokens, { sinks: 2, window: 4 }), position: rotary() },
  },
  'in chunks': { blocks: { attention: configure(chunked, { chunk: 4 }), position: rotary() } },
  'shared layers': { blocks: { attention: configure(crossLayer, { factor: 2 }), position: rotary() } },
  'learned positions': { position: learnedPositions({ rows: 160 }), logitSoftcap: 3, embedScale: 2 },
};
const prompts = [
  [[3, 1]],
  [
    [3, 1],
    [2, 5],
  ],
  [[3, 1], [2], [5, 6, 7]],
];

describe.each(Object.keys(models))('%s', (name) => {
  it.each(prompts.map((prompt) => [prompt.length, prompt] as const))(
    'steps of %i sequences have the same bits, recorded and not',
    async (B, prompt) => {
      const [one, other] = (await both(models[name])).map((decoder) => decoder.start({ B })) as [
        Session,
        Session,
      ];
      await sameStep(one, other, prompt);
      for (let n = 0; n < 14; n++)
        await sameStep(
          one,
          other,
          prompt.map((_, b) => [(3 * n + b) % 20]),
        );
      expect(one.stats.replayed).toBeGreaterThan(8);
      expect(one.stats).toEqual({ decoded: 14, replayed: one.stats.replayed });
      expect(other.stats).toEqual({ decoded: 14, replayed: 0, reason: 'the device wasm records no steps' });
    },
  );
});

it('is recorded anew where the text outgrows what it was recorded for', async () => {
  const [one, other] = (await both({})).map((decoder) => decoder.start()) as [Session, Session];
  await sameStep(one, other, [Array.from({ length: 120 }, (_, n) => n % 20)]);
  for (let n = 0; n < 16; n++) await sameStep(one, other, [[n]]);
  expect(one.stats.replayed).toBe(16 - 4);
});

it('goes on after everything that changes a session', async () => {
  const [one, other] = (await both({})).map((decoder) => decoder.start({ B: 2 })) as [Session, Session];
  const steps = async (B: number): Promise<void> => {
    const before = one.stats.replayed;
    for (let n = 0; n < 5; n++)
      await sameStep(
        one,
        other,
        Array.from({ length: B }, (_, b) => [n + b]),
      );
    expect(one.stats.replayed).toBeGreaterThan(before);
  };
  await sameStep(one, other, [
    [3, 1],
    [2, 5],
  ]);
  await steps(2);
  for (const session of [one, other]) session.crop(4);
  await steps(2);
  for (const session of [one, other]) session.crop([5, 3]);
  await steps(2);
  for (const session of [one, other]) session.take([1, 0]);
  await steps(2);
  await sameStep(one, other, [[7, 8, 9], [1]]);
  await steps(2);
  for (const session of [one, other]) session.take([1]);
  await steps(1);
  const file = await one.save();
  await sameStep(one, other, [[4]]);
  for (const session of [one, other]) session.load(file);
  await steps(1);
  const [twin, second] = [one.fork(), other.fork()];
  await sameStep(one, other, [[6]]);
  for (let n = 0; n < 4; n++) await sameStep(twin, second, [[n]]);
  await steps(1);
  expect(twin.stats.replayed).toBe(2);
});

it('turns by the angles of a text that has become longer', async () => {
  const position = dynamicNtk({ factor: 2, originalLength: 6 });
  const [one, other] = (await both({ blocks: { position } })).map((decoder) => decoder.start()) as [
    Session,
    Session,
  ];
  await sameStep(one, other, [[3, 1]]);
  for (let n = 0; n < 8; n++) await sameStep(one, other, [[n]]);
  expect(one.stats.reason).toBe('the text is read again, with other angles');
});

it('does as it always did, and says so, where a step is more than the same work once more', async () => {
  const device = await createDevice('wasm');
  const decoder = tinyDecoder(device);
  const session = decoder.start();
  const step = (options = {}): string | undefined => {
    session.step([1], options).dispose();
    return session.stats.reason;
  };
  expect(step()).toBe('there is no text yet');
  for (let n = 0; n < 2; n++) expect(step()).toBe('the step was recorded');
  expect(step()).toBeUndefined();
  const end = session.tap('layers.0', () => {});
  expect(step()).toBe('somebody taps');
  end();
  expect(step()).toBeUndefined();
  expect(step({ look: () => {} })).toBe('somebody looks');
  expect(session.stats).toEqual({ decoded: 7, replayed: 2, reason: 'somebody looks' });
  expect(() => session.step([1], { signal: AbortSignal.abort() })).toThrow('aborted');
  expect(session.length).toBe(7);
});

const unrecorded: readonly (readonly [string, Changes, string])[] = [
  [
    'a state of constant size',
    { attention: configure(linear) } as never,
    'a part of the model does not say that its steps are alike',
  ],
  [
    'latents',
    { attention: configure(multiHeadLatent, { latent: 8, rope: 4 }) } as never,
    'a part of the model does not say that its steps are alike',
  ],
  ['a bias', { position: alibi() } as never, 'a part of the model does not say that its steps are alike'],
];
it.each(unrecorded)('%s', async (_, blocks, reason) => {
  const session = tinyDecoder(await createDevice('wasm'), { blocks: blocks as never }).start();
  for (let n = 0; n < 4; n++) session.step([n]).dispose();
  expect(session.stats).toEqual({ decoded: 4, replayed: 0, reason });
});

it('a cache that keeps rows in another way, and another device', async () => {
  const cache: SessionOptions['cache'] = (specs, given) =>
    createStates(specs, {
      ...given,
      create: { full: (options) => createPaged({ ...options, blockSize: 4, blocks: 9 }) },
    });
  const paged = tinyDecoder(await createDevice('wasm')).start({ cache });
  const reference = tinyDecoder(createReference()).start();
  for (const session of [paged, reference]) for (let n = 0; n < 4; n++) session.step([n]).dispose();
  expect(paged.stats.reason).toBe('a cache does not keep its rows by slots that stand in memory');
  expect(reference.stats.reason).toBe('the device reference records no steps');
});

it('leaves the device as it was: nothing of a recording outlives its session', async () => {
  const device = await createDevice('wasm');
  const decoder = tinyDecoder(device);
  const run = (): object => {
    const session = decoder.start();
    for (let n = 0; n < 9; n++) session.step([n]).dispose();
    session.dispose();
    return { ...device.memory, peakBytes: 0 };
  };
  const first = run();
  expect(run()).toEqual(first);
});

it('a device that is gone is said, and the session stands where it stood', async () => {
  const device = await createDevice('wasm');
  const session = tinyDecoder(device).start();
  for (let n = 0; n < 5; n++) session.step([n]).dispose();
  device.dispose();
  expect(() => session.step([1])).toThrow('disposed device');
  expect(session.length).toBe(5);
});
