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
import { assertClose, seeded, toleranceOf } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from './decoder.ts';
import type { StepIds } from './session.ts';
import { tinyDecoder } from './testing/tiny.ts';

const V = 20;

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
const ofLength = ['dynamic-ntk', 'longrope'];

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
      await raggedAsAlone(decoder, true);
    });

    it.each(Object.keys(encodings))('with %s positions', async (encoding) => {
      await raggedAsAlone(decoderWith(device, encoding), !ofLength.includes(encoding));
    });
  });
});

function decoderWith(device: Device, encoding: string): Decoder {
  const position = encodings[encoding]!(device);
  return position?.kind === 'input'
    ? tinyDecoder(device, { position, blocks: { position: undefined } })
    : tinyDecoder(device, { blocks: { position } });
}

async function raggedAsAlone(decoder: Decoder, onePass: boolean): Promise<void> {
  const tolerance = toleranceOf(decoder.device, 2e-5);
  using together = decoder.start({ B: 3 });
  const alone = steps[0]!.map(() => decoder.start());
  const seen = steps[0]!.map((): number[] => []);
  for (const rows of steps) {
    const logits = await read(together.step(rows));
    for (const [b, row] of rows.entries()) {
      if (row.length === 0) continue;
      seen[b]!.push(...row);
      const got = logits.subarray(b * V, (b + 1) * V);
      assertClose(got, await read(alone[b]!.step(row)), tolerance);
      if (onePass) assertClose(got, await logitsOf(decoder, seen[b]!), tolerance);
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
