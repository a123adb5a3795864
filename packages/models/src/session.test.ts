import {
  anchor,
  chunked,
  configure,
  crossLayer,
  groupedQuery,
  linear,
  multiHead,
  multiHeadLatent,
  prefixLm,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import { alibi, dynamicNtk, learned, longrope, rotary, sinusoidal, t5 } from '@headwise/positional';
import { createDevice, type Device, type PositionEncoding } from '@headwise/tensor';
import { assertClose, randomIndex, seeded, toleranceOf } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from './decoder.ts';
import type { Session } from './session.ts';
import type { StepIds, StepOptions } from './session-contract.ts';
import { tinyDecoder } from './testing/tiny.ts';

const V = 20;

// gpu.js compiles for each length of a text, which costs more than anything else here
const long = process.env.HEADWISE_LONG === '1';
const pick = randomIndex(3);

/** Every way of keeping: rows, rows of fewer heads, a ring, a ring with sinks, latents, sums, another layer's. */
const kinds = {
  'multi-head': configure(multiHead),
  'grouped-query': configure(groupedQuery, { Hkv: 2 }),
  'sliding-window': configure(slidingWindow, { window: 3 }),
  'sink-tokens': configure(sinkTokens, { sinks: 1, window: 3 }),
  chunked: configure(chunked, { chunk: 4 }),
  'multi-head-latent': configure(multiHeadLatent, { latent: 8, rope: 4 }),
  linear: configure(linear),
  'cross-layer': configure(crossLayer, { factor: 2 }),
  anchor: configure(anchor, { segments: 3 }),
  'prefix-lm': configure(prefixLm, { prefix: 2 }),
} as const;

const halves = [1.5, 4];
const encodings: Readonly<Record<string, (device: Device) => PositionEncoding | undefined>> = {
  none: () => undefined,
  rotary: () => rotary(),
  alibi: () => alibi(),
  t5: (device) => t5({ table: seeded<'N H'>(device, [8, 4], 3), maxDistance: 6 }),
  learned: (device) => learned({ table: seeded<'N E'>(device, [24, 16], 4) }),
  'learned, from row 2': (device) => learned({ table: seeded<'N E'>(device, [24, 16], 4), offset: 2 }),
  sinusoidal: () => sinusoidal(),
  // their rows stand on both sides of the trained length
  'dynamic-ntk': () => dynamicNtk({ factor: 2, originalLength: 4 }),
  longrope: () => longrope({ shortFactors: [1, 1], longFactors: halves, originalLength: 4, factor: 2 }),
};

/** What each of three sequences brings: prompts of different lengths, then one, two or none a step. */
const steps: readonly (readonly (readonly number[])[])[] = [
  [
    [3, 1, 4, 1, 5],
    [9, 2],
    [6, 5, 3, 5, 8, 9, 7],
  ],
  [[1], [2, 3], []],
  [[], [4], [5]],
  [[6], [7], [8]],
  [[2], [], [1, 4, 1]],
  [[7], [5], [9]],
];

describe.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', (name) => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice(name);
  });
  afterAll(() => device.dispose());

  describe('a batch of different lengths gives each row what it gets alone', () => {
    it.each(Object.keys(kinds) as (keyof typeof kinds)[])('with %s attention', async (kind) => {
      const decoder = tinyDecoder(device, { blocks: { attention: kinds[kind] } });
      await raggedAsAlone(decoder);
    });

    it.each(Object.keys(encodings))('with %s positions', async (encoding) => {
      await raggedAsAlone(decoderWith(device, encoding));
    });
  });

  describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('with %s attention', (kind) => {
    const made = (): Decoder => tinyDecoder(device, { blocks: { attention: kinds[kind] } });

    it('goes on after save and load, fork, take and crop as one pass would', async () => {
      const decoder = made();
      using session = decoder.start({ B: 3 });
      const seen: number[][] = [[], [], []];
      for (const rows of steps.slice(0, 4)) {
        session.step(rows).dispose();
        rows.forEach((row, b) => void seen[b]!.push(...row));
      }
      const goesOn = async (other: Session, texts: readonly (readonly number[])[]): Promise<void> => {
        const next = texts.map((_, b) => [11 + b]);
        const logits = await read(other.step(next));
        for (const [b, text] of texts.entries())
          await mustBe(decoder, logits.subarray(b * V, (b + 1) * V), [...text, ...next[b]!]);
      };
      const file = await session.save();
      using fork = session.fork();
      using loaded = decoder.start({ B: 3 });
      loaded.step([[1], [2, 3], [4]]).dispose();
      loaded.load(file);
      expect(loaded.lengths).toEqual(session.lengths);
      await goesOn(loaded, seen);
      await goesOn(fork, seen);

      using taken = session.fork();
      const order = [2, 0, 0, 1];
      taken.take(order);
      expect(taken.B).toBe(4);
      await goesOn(
        taken,
        order.map((b) => seen[b]!),
      );

      // what any kind can: take back the last step
      const before = session.lengths;
      const last = [[12], [], [13]];
      session.step(last).dispose();
      session.crop(before);
      expect(session.lengths).toEqual(before);
      await goesOn(session, seen);
      session.crop(0);
      expect(session.lengths).toEqual([0, 0, 0]);
      await goesOn(session, [[], [], []]);
    });

    it('is as it was after a step that is refused', async () => {
      const decoder = made();
      using session = decoder.start({ B: 2, capacity: 9, limit: 9 });
      session
        .step([
          [3, 1, 4, 1, 5],
          [9, 2],
        ])
        .dispose();
      const before = await stateOf(session, device);
      const tooLong = [[1], [2, 3, 4, 5, 6, 7, 8, 9]];
      for (const ids of [[[1], [V]], [[-1], [1]], [[1]], [[], []], tooLong, [[1.5], [1]]])
        expect(() => session.step(ids)).toThrow('session: ids');
      expect(() => session.crop([6, 1])).toThrow('session.crop');
      expect(() => session.take([2])).toThrow('take');
      expect(() => session.load(new Uint8Array(40))).toThrow();
      expect(await stateOf(session, device)).toEqual(before);
      const logits = await read(session.step([[6], [7]]));
      await mustBe(decoder, logits.subarray(0, V), [3, 1, 4, 1, 5, 6]);
      await mustBe(decoder, logits.subarray(V), [9, 2, 7]);
    });

    it('is as it was after a look that throws or a signal', async () => {
      const decoder = made();
      using session = decoder.start({ B: 2 });
      session
        .step([
          [3, 1, 4, 1, 5],
          [9, 2],
        ])
        .dispose();
      session.step([[6], [8]]).dispose(); // a ring then shows its own rows
      const before = await stateOf(session, device);
      const after = { ...before, liveBytes: 0, ...(forgets(decoder) && { file: expect.any(String) }) };
      const stop = new AbortController();
      const failing: readonly StepOptions[] = [
        {
          look: ({ layer }) => {
            if (layer === 1) throw new Error('seen enough');
          },
        },
        { look: () => stop.abort(), signal: stop.signal },
      ];
      for (const options of failing) {
        for (const ids of [
          [[1], [2]],
          [[5, 6, 7, 8], []],
        ])
          expect(() => session.step(ids, options)).toThrow(/seen enough|abort/);
        // the numbers beside the rows have the shape of the last step; a ring has let go of what nobody sees any more,
        // and a sum of what it was before the last step
        const { buffers } = device.memory;
        if (kind === 'linear') expect(buffers).toBeLessThanOrEqual(before.buffers);
        else expect(buffers).toBe(before.buffers);
        expect({ ...(await stateOf(session, device)), liveBytes: 0, buffers: before.buffers }).toEqual(after);
      }
      const logits = await read(session.step([[6], [7]]));
      expect(device.memory.liveBytes).toBe(before.liveBytes);
      await mustBe(decoder, logits.subarray(0, V), [3, 1, 4, 1, 5, 6, 6]);
      await mustBe(decoder, logits.subarray(V), [9, 2, 8, 7]);
    });
  });

  it('ends before anything is done where the signal has ended already', async () => {
    const decoder = tinyDecoder(device, { blocks: { attention: kinds.linear } });
    using session = decoder.start();
    session.step([1, 2]).dispose();
    expect(() => session.step([3], { signal: AbortSignal.abort() })).toThrow('abort');
    await mustBe(decoder, await read(session.step([3])), [1, 2, 3]);
  });
});

/** Where a session stands: its lengths, its content, and what the device holds. */
async function stateOf(session: Session, device: Device) {
  const { liveBytes, buffers } = device.memory;
  const file = Buffer.from(await session.save()).toString('base64');
  return { lengths: session.lengths, file, liveBytes, buffers };
}

const forgets = ({ specs }: Decoder): boolean => Object.values(specs).some(({ kind }) => kind === 'window');

function decoderWith(device: Device, encoding: string): Decoder {
  const position = encodings[encoding]!(device);
  return position?.kind === 'input'
    ? tinyDecoder(device, { position, blocks: { position: undefined } })
    : tinyDecoder(device, { blocks: { position } });
}

async function mustBe(decoder: Decoder, got: ArrayLike<number>, text: readonly number[]): Promise<void> {
  assertClose(got, await logitsOf(decoder, text), toleranceOf(decoder.device, 2e-5));
}

async function raggedAsAlone(decoder: Decoder): Promise<void> {
  const tolerance = toleranceOf(decoder.device, 2e-5);
  using together = decoder.start({ B: 3 });
  const alone = steps[0]!.map(() => decoder.start());
  const seen = steps[0]!.map((): number[] => []);
  const everyLength = long || !decoder.device.name.startsWith('gpujs:');
  const drawn = pick(steps.length - 1);
  for (const [i, rows] of steps.entries()) {
    const inOnePass = everyLength || i === drawn || i === steps.length - 1;
    const logits = await read(together.step(rows));
    for (const [b, row] of rows.entries()) {
      if (row.length === 0) continue;
      seen[b]!.push(...row);
      const got = logits.subarray(b * V, (b + 1) * V);
      assertClose(got, await read(alone[b]!.step(row)), tolerance);
      if (inOnePass) assertClose(got, await logitsOf(decoder, seen[b]!), tolerance);
    }
    expect(together.lengths).toEqual(seen.map(({ length }) => length));
  }
  for (const session of alone) session.dispose();
}

/** Of one pass over a whole text. */
async function logitsOf(decoder: Decoder, ids: StepIds): Promise<Float32Array> {
  using session = decoder.start();
  return read(session.step(ids));
}

async function read(logits: { data(): Promise<ArrayLike<number>>; dispose(): void }): Promise<Float32Array> {
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}
