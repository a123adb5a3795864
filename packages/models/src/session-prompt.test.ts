import {
  anchor,
  chunked,
  configure,
  crossLayer,
  groupedQuery,
  linear,
  multiHeadLatent,
  prefixLm,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { type Cache, cropStates, loadStates } from '@headwise/kv-cache';
import { dynamicNtk, longrope, rotary } from '@headwise/positional';
import { createDevice, type Device, type Tensor, watch } from '@headwise/tensor';
import { assertClose, toleranceOf } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from './decoder.ts';
import type { StepIds } from './session-contract.ts';
import { tinyDecoder } from './testing/tiny.ts';

const V = 20;
const text = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9];
const halves = { shortFactors: [1, 1], longFactors: [1.5, 4], factor: 2 };

const kinds = {
  'grouped-query': { attention: configure(groupedQuery, { Hkv: 2 }) },
  'sliding-window': { attention: configure(slidingWindow, { window: 3 }) },
  'sink-tokens': { attention: configure(sinkTokens, { sinks: 1, window: 3 }) },
  chunked: { attention: configure(chunked, { chunk: 4 }) },
  'multi-head-latent': { attention: configure(multiHeadLatent, { latent: 8, rope: 4 }) },
  linear: { attention: configure(linear) },
  'cross-layer': { attention: configure(crossLayer, { factor: 2 }) },
  anchor: { attention: configure(anchor, { segments: 3 }) },
  'dynamic-ntk': { position: dynamicNtk({ factor: 2, originalLength: 6 }) },
  longrope: { position: longrope({ ...halves, originalLength: 6 }) },
  'longrope over a window': {
    attention: configure(slidingWindow, { window: 3 }),
    position: longrope({ ...halves, originalLength: 6 }),
  },
} as const;
const names = Object.keys(kinds) as (keyof typeof kinds)[];

it('a fork and its session know their own texts from then on', async () => {
  const device = await createDevice('reference');
  using session = tinyDecoder(device).start();
  session.step([1, 2, 3]).dispose();
  using fork = session.fork();
  fork.step([4, 5]).dispose();
  session.step([6, 7]).dispose();
  expect([session.reuse([1, 2, 3, 6, 7, 8]), fork.reuse([1, 2, 3, 4, 5, 8])]).toEqual([[5], [5]]);
  session.crop(1);
  expect(fork.reuse([1, 2, 3, 4, 5, 8])).toEqual([5]);
  device.dispose();
});

it('knows nothing of a text of the same length that somebody else has put into its states', async () => {
  const device = await createDevice('reference');
  const decoder = tinyDecoder(device);
  const [own, other] = [
    [1, 2, 3, 4, 5],
    [9, 2, 3, 4, 5],
  ];
  using session = decoder.start();
  using others = decoder.start();
  session.step(own).dispose();
  others.step(other).dispose();
  const [states, file] = [session.states as Cache[], await others.save()];
  loadStates(states, file);
  expect(session.reuse([...own, 6])).toEqual([0]);
  session.step(own).dispose();
  expect(session.reuse([...own, 6])).toEqual([5]);

  // there and back again is another text, too
  cropStates(states, 2);
  loadStates(states, file);
  using fork = session.fork();
  expect(fork.reuse([...own, 6])).toEqual([0]);
  expect(await read(session.prompt(own))).toEqual(await read(decoder.start().step(own)));
  device.dispose();
});

describe.each(['reference', 'wasm'])('on %s', (name) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice(name);
  });
  afterAll(() => device.dispose());

  describe.each(names)('with %s', (kind) => {
    const made = (): Decoder => tinyDecoder(device, { blocks: kinds[kind] });

    it('a prompt in chunks gives what one pass gives, in a batch of different lengths', async () => {
      const decoder = made();
      const first = [[7], [8, 8, 8], []];
      const rows = [text, text.slice(2, 7), text.slice(0, 9)];
      for (const chunk of [1, 2, 4, 9, 40]) {
        using session = decoder.start({ B: 3 });
        session.step(first).dispose();
        const got = await read(session.step(rows, { chunk }));
        expect(session.lengths).toEqual([16, 8, 9]);
        for (const [b, row] of rows.entries())
          await mustBe(decoder, got.subarray(b * V, (b + 1) * V), [...first[b]!, ...row]);
        const next = await read(session.step([[1], [2], [3]]));
        await mustBe(decoder, next.subarray(V, 2 * V), [...first[1]!, ...rows[1]!, 2]);
      }
    });

    it('a prompt that is given up in its middle gives the memory back and changes nothing', async () => {
      const decoder = made();
      for (const before of [[], [7, 7, 2, 4, 4]]) {
        using session = decoder.start();
        if (before.length > 0) session.step(before).dispose();
        const giveUp = (): number => {
          const stop = new AbortController();
          let pieces = 0;
          const look = ({ layer }: { layer: number }): void => {
            if (layer === 0 && ++pieces === 3) stop.abort();
          };
          expect(() => session.step(text, { chunk: 4, look, signal: stop.signal })).toThrow('abort');
          expect(pieces).toBe(3);
          expect(session.lengths).toEqual([before.length]);
          return device.memory.liveBytes;
        };
        const held = device.memory.liveBytes;
        const once = giveUp();
        // the numbers beside the rows have the shape of the last piece, and the encoding keeps a table
        expect(once - held).toBeLessThan(1024);
        expect(giveUp()).toBeLessThanOrEqual(once);
        await mustBe(decoder, await read(session.step(text, { chunk: 4 })), [...before, ...text]);
      }
    });

    it('reuses what it has of a text, and only that', async () => {
      const decoder = made();
      using session = decoder.start();
      const ask = async (ids: readonly number[], passed?: number): Promise<void> => {
        let seen = 0;
        const look = ({ y, layer }: { y: Tensor; layer: number }): void => {
          if (layer === 0) seen += y.shape[1]!;
        };
        await mustBe(decoder, await read(session.prompt(ids, { look })), ids);
        expect(session.lengths).toEqual([ids.length]);
        if (passed !== undefined) expect(seen).toBe(passed);
      };
      await ask(text.slice(0, 8), 8);
      const turnsAnew = kind === 'dynamic-ntk';
      await ask(text.slice(0, 11), turnsAnew ? 11 : 3); // it goes on
      await ask([...text.slice(0, 11), 1], turnsAnew ? 12 : 1);
      await ask([...text.slice(0, 5), 0, 0, 0]); // it parts
      await ask([1, 2, 3], 3); // it is another
      await ask([1, 2, 3]); // once more
      await ask([1], 1);
    });
  });

  it('goes back as far as the cache can: nothing is computed twice that is kept', async () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start({ B: 2 });
    session.step([text.slice(0, 6), text.slice(3, 12)]).dispose();
    expect(session.reuse([[3, 1, 4, 2, 2], text.slice(3, 12)])).toEqual([3, 8]);
    expect(session.lengths).toEqual([3, 8]);
    // after take each goes on with the text it has
    session.take([1, 0]);
    expect(session.reuse([text.slice(3, 15), [3, 1, 4, 1]])).toEqual([8, 3]);
    // a window has forgotten
    using ring = tinyDecoder(device, { blocks: kinds['sliding-window'] }).start();
    ring.step(text).dispose();
    ring.step([1]).dispose();
    expect(ring.reuse(text.slice(0, 9))).toEqual([0]);
    expect(ring.lengths).toEqual([0]);
  });

  it('does not take for known what came from elsewhere', async () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start();
    session.step(text.slice(0, 6)).dispose();
    const file = await session.save();
    using fork = session.fork();
    expect(fork.reuse(text)).toEqual([6]);
    session.load(file);
    expect(session.reuse(text)).toEqual([0]);
    await mustBe(decoder, await read(session.prompt(text)), text);
    // cropped from outside: the lengths say so
    cropStates(session.states as never, 4);
    session.step([9]).dispose();
    expect(session.reuse([...text.slice(0, 4), 9, 9])).toEqual([0]);
  });

  it('a refused prompt changes nothing; one that is given up leaves what was in common', async () => {
    const decoder = tinyDecoder(device);
    using session = decoder.start({ capacity: 12 });
    session.step(text.slice(0, 6)).dispose();
    for (const ids of [[V], [], [[1], [2]], [1.5], new Array<number>(13).fill(1)])
      expect(() => session.prompt(ids as StepIds)).toThrow('session: ids');
    for (const chunk of [0, 1.5, -1, Number.NaN])
      expect(() => session.step([1], { chunk })).toThrow('session: chunk must be a whole number ≥ 1');
    expect(session.lengths).toEqual([6]);
    const signal = AbortSignal.abort();
    expect(() => session.prompt([...text.slice(0, 4), 8, 8], { signal })).toThrow('abort');
    expect(session.lengths).toEqual([4]);
    const ids = [...text.slice(0, 4), 8, 8];
    await mustBe(decoder, await read(session.prompt(ids)), ids);
  });

  it('reads a text from its beginning where a part must see the beginning at once', async () => {
    const decoder = tinyDecoder(device, { blocks: { attention: configure(prefixLm, { prefix: 4 }) } });
    using session = decoder.start();
    session.step(text.slice(0, 7)).dispose();
    const other = [...text.slice(0, 2), 0, 0, 0];
    await mustBe(decoder, await read(session.prompt(other)), other);
  });

  it('holds no more at once in chunks', () => {
    const decoder = tinyDecoder(device, { context: 64, blocks: { position: rotary() } });
    const ids = Array.from({ length: 48 }, (_, i) => i % V);
    const most = (chunk?: number): number => {
      using session = decoder.start();
      let top = 0;
      watch(
        () => {
          top = Math.max(top, device.memory.liveBytes);
        },
        () => session.step(ids, { chunk }).dispose(),
      );
      return top - device.memory.liveBytes;
    };
    most(4);
    expect(most(4)).toBeLessThan(most() / 4);
  });

  describe('of keys that turn by other angles in a longer text', () => {
    const made = (): Decoder =>
      tinyDecoder(device, { blocks: { position: longrope({ ...halves, originalLength: 6 }) } });

    it('gives each new token its logits where it crosses the length', async () => {
      const decoder = made();
      using session = decoder.start();
      session.step(text.slice(0, 5)).dispose();
      using got = session.forward(text.slice(5, 8));
      expect(got.shape).toEqual([1, 3, V]);
      using whole = decoder.start();
      using want = whole.forward(text.slice(0, 8));
      const all = (await want.data()) as Float32Array;
      assertClose((await got.data()) as Float32Array, all.subarray(5 * V), toleranceOf(device, 2e-5));
    });

    it('goes on rightly after a crop back into the short lengths', async () => {
      const decoder = made();
      using session = decoder.start();
      session.step(text.slice(0, 9)).dispose();
      session.crop(4);
      await expect(session.save()).rejects.toThrow('must have the angles of its length');
      await mustBe(decoder, await read(session.step([2])), [...text.slice(0, 4), 2]);
      await session.save();
    });

    it('says so where the text is not known', async () => {
      const decoder = made();
      using session = decoder.start();
      session.step(text.slice(0, 5)).dispose();
      session.load(await session.save());
      session.step([1]).dispose();
      expect(() => session.step([2])).toThrow(
        /session: ids must stay below the length where the keys .* text of sequence 0 is not known/,
      );
      expect(session.lengths).toEqual([6]);
    });

    it('is as it was when the second reading is given up', async () => {
      const decoder = made();
      using session = decoder.start();
      session.step(text.slice(0, 6)).dispose();
      const stop = new AbortController();
      expect(() => session.step([1, 2], { look: () => stop.abort(), signal: stop.signal })).toThrow('abort');
      expect(session.lengths).toEqual([6]);
      session.crop(5);
      await mustBe(decoder, await read(session.step([2])), [...text.slice(0, 5), 2]);
    });
  });
});

async function mustBe(decoder: Decoder, got: ArrayLike<number>, ids: readonly number[]): Promise<void> {
  using session = decoder.start();
  assertClose(got, await read(session.step(ids)), toleranceOf(decoder.device, 2e-5));
}

async function read(logits: Tensor): Promise<Float32Array> {
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}
