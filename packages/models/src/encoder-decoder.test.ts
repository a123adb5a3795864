import { configure, crossAttention, multiHead } from '@headwise/attention-variants';
import { type Cache, createStates, cropStates, resetStates } from '@headwise/kv-cache';
import { rotary, sinusoidal } from '@headwise/positional';
import {
  createDevice,
  createReference,
  type Device,
  gather,
  scope,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { assertClose, seeded, toleranceOf } from '@headwise/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postNorm } from './arrangements/post-norm.ts';
import { block } from './block.ts';
import { createDecoder, decoderParameters } from './decoder.ts';
import {
  createEncoderDecoder,
  type EncoderDecoder,
  type EncoderDecoderParts,
  encoderDecoderParameters,
} from './encoder-decoder.ts';
import { createReluMlp } from './parts/feed-forward.ts';
import { createLayerNorm } from './parts/norms.ts';
import { randomWeights } from './random-weights.ts';
import type { Session } from './session.ts';
import type { StatesFactory } from './session-contract.ts';

const V = 20;
const shape = { V, E: 16, H: 4, D: 4, layers: 2 };
const both = { mlp: createReluMlp({ F: 24 }), norm: createLayerNorm(), arrange: postNorm };

/** The original Transformer, small. */
const parts = (): EncoderDecoderParts => ({
  encoder: {
    shape,
    position: sinusoidal(),
    blocks: block({ ...both, attention: configure(multiHead, { causal: false }) }),
    context: 12,
  },
  decoder: {
    shape: { ...shape, layers: 3 },
    blocks: block({
      ...both,
      attention: configure(multiHead),
      cross: configure(crossAttention),
      position: rotary(),
    }),
    context: 16,
  },
});

function tiny(device: Device): EncoderDecoder {
  const weights = randomWeights(device, encoderDecoderParameters(parts()));
  return createEncoderDecoder({ ...parts(), device, weights });
}

const sources = [
  [3, 1, 4, 1, 5],
  [9, 2],
  [6, 5, 3],
];

const read = async (logits: Tensor): Promise<Float32Array> => {
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
};

it('names its weights by half, the table of embeddings once', () => {
  const names = Object.keys(encoderDecoderParameters(parts()));
  expect(names.filter((name) => name.endsWith('embed'))).toEqual(['encoder.embed']);
  expect(names).toContain('decoder.layers.2.cross.k');
  expect(names).toContain('decoder.layers.0.crossNorm.weight');
  expect(Object.keys(encoderDecoderParameters({ ...parts(), shared: false }))).toContain('decoder.embed');
});

describe.each(['reference', 'wasm', 'gpujs:webasm'])('on %s', (name) => {
  let device: Device;
  let model: EncoderDecoder;
  beforeAll(async () => {
    device = await createDevice(name);
    model = tiny(device);
  });
  afterAll(() => device.dispose());

  /** Of one pass over a text about one source. */
  const alone = async (source: readonly number[], text: readonly number[]): Promise<Float32Array> => {
    using session = model.start(source);
    return read(session.step(text));
  };

  /** Steps a session and compares each sequence with its text about its source alone. */
  const mustGoOn = async (
    session: Session,
    texts: readonly number[][],
    about: readonly (readonly number[])[],
    rows: readonly (readonly number[])[],
  ): Promise<void> => {
    const logits = await read(session.step(rows));
    for (const [b, row] of rows.entries()) {
      texts[b]!.push(...row);
      if (row.length === 0) continue;
      const got = logits.subarray(b * V, (b + 1) * V);
      assertClose(got, await alone(about[b]!, texts[b]!), toleranceOf(device, 2e-5));
    }
  };

  it('reads sources of different lengths each as if alone, and knows their padding in every step', async () => {
    using session = model.start(sources);
    const texts: number[][] = [[], [], []];
    for (const rows of [
      [[1], [1, 2, 3], []],
      [[4], [5], [6, 7]],
      [[8], [], [9]],
    ])
      await mustGoOn(session, texts, sources, rows);
    expect(session.lengths).toEqual([3, 4, 3]);

    // what was read goes along with its sequences
    using fork = session.fork();
    const file = await session.save();
    session.take([1, 1, 2, 0, 2]);
    const order = [1, 1, 2, 0, 2];
    await mustGoOn(
      session,
      order.map((b) => [...texts[b]!]),
      order.map((b) => sources[b]!),
      [[1], [2], [3], [4], [5]],
    );
    const copies = () => texts.map((text) => [...text]);
    await mustGoOn(fork, copies(), sources, [[1], [2], [3]]);
    fork.crop(0);
    await mustGoOn(fork, [[], [], []], sources, [[5], [6, 7], [8]]);
    using loaded = model.start([[7, 7, 7, 7, 7], [7], [8]]); // what it was started about is in the file too
    loaded.load(file);
    await mustGoOn(loaded, copies(), sources, [[1], [2], [3]]);
  });

  it('is told another order, or forked, before a source is read', async () => {
    using session = model.start(sources);
    session.take([2, 1]);
    session.take([1, 0, 0]);
    const fork = session.fork();
    const about = [sources[1]!, sources[2]!, sources[2]!];
    await mustGoOn(session, [[], [], []], about, [[1], [2], [3, 4]]);
    session.dispose();
    await mustGoOn(fork, [[], [], []], about, [[1], [2], [3, 4]]);
    fork.dispose();
  });

  it('reads a source again after a first step that failed', async () => {
    using session = model.start(sources);
    for (const layer of [0, 2]) {
      const look = (seen: { readonly layer: number }): void => {
        if (seen.layer === layer) throw new Error('seen enough');
      };
      expect(() => session.step([[1], [2], [3]], { look })).toThrow('seen enough');
      expect(session.states.map(({ length }) => length)).toEqual([0, 0, 0, 0, 0, 0]);
    }
    const texts: number[][] = [[], [], []];
    await mustGoOn(session, texts, sources, [[1], [2], [3]]);
    // of a later one it is there already
    const look = (): never => {
      throw new Error('seen enough');
    };
    expect(() => session.step([[1], [2], [3]], { look })).toThrow('seen enough');
    await mustGoOn(session, texts, sources, [[4], [5], [6]]);
  });

  it('is cropped by its states as by itself: what was read of the source stays', async () => {
    using session = model.start(sources);
    session.step([[1, 2, 3], [2], [3, 4]]).dispose();
    using fork = session.fork();
    fork.crop([2, 1, 1]);
    cropStates(session.states as Cache[], [2, 1, 1]);
    for (const { states } of [session, fork])
      expect(states.filter(({ id }) => id.endsWith('cross')).map(({ length }) => length)).toEqual([5, 5, 5]);
    const want = await read(fork.step([[4], [5], [6]]));
    assertClose(await read(session.step([[4], [5], [6]])), want);
    resetStates(session.states as Cache[]);
    await mustGoOn(session, [[], [], []], sources, [[1], [2], [3]]);
  });

  it('leaves nothing behind: sessions, forks, refusals and failures', () => {
    model.start(sources).dispose();
    const run = (): void => {
      const session = model.start(sources);
      session.step([[1], [2], [3, 4]]).dispose();
      session.step([[1], [2], [3]]).dispose();
      const fork = session.fork();
      session.take([1, 0]);
      session.step([[1], [2]]).dispose();
      session.dispose();
      fork.step([[1], [2], [3]]).dispose();
      fork.dispose();
    };
    run();
    const { buffers, liveBytes } = device.memory;
    run();
    // a session outlives the scope that it was started in
    const session = scope(() => model.start(sources));
    session.step([[1], [2], [3]]).dispose();
    session.dispose();
    expect(() => model.start(sources, { capacity: 0 })).toThrow('session: capacity');
    expect(() => model.start(sources, { limit: 17 })).toThrow('session: limit');
    expect(() => model.start([[V]])).toThrow('must be a whole number from 0 to 19');
    expect(device.memory).toMatchObject({ buffers, liveBytes });
  });
});

it('frees the weights of both halves, the shared one too', () => {
  const device = createReference();
  const made = parts();
  const weights = randomWeights(device, encoderDecoderParameters(made));
  const model = createEncoderDecoder({ ...made, device, weights });
  model.dispose();
  (made.encoder.position as { dispose?(): void } | undefined)?.dispose?.();
  expect(device.memory.buffers).toBe(0);
});

it('is made in a scope and outlives it; what is refused leaves nothing', () => {
  const device = createReference();
  const weights = randomWeights(device, encoderDecoderParameters(parts()));
  const { buffers } = device.memory;
  const wrong = { ...parts().decoder, logitScale: Number.NaN };
  expect(() => createEncoderDecoder({ ...parts(), decoder: wrong, device, weights })).toThrow('logitScale');
  expect(device.memory.buffers).toBe(buffers);
  const model = scope(() => createEncoderDecoder({ ...parts(), device, weights }));
  const session = model.start(sources);
  session.step([[1], [2], [3]]).dispose();
  session.dispose();
  const held = device.memory.buffers;
  const one: StatesFactory = (specs, options) => {
    const [first, ...others] = createStates(specs, options);
    for (const other of others) other.dispose();
    return [first!];
  };
  for (const cache of [() => [], one])
    expect(() => model.start(sources, { cache })).toThrow('session: cache must make the 6 states');
  expect(device.memory.buffers).toBe(held);
});

it('needs a source, and leaves one that is the caller’s to the caller', async () => {
  const device = createReference();
  const { decoder: half } = parts();
  const decoder = createDecoder({
    ...half,
    device,
    weights: randomWeights(device, decoderParameters(half)),
  });
  expect(() => decoder.start()).toThrowErrorMatchingInlineSnapshot(
    `[ValueError: session: source must be given: the model reads one (an encoder’s output), got undefined]`,
  );
  const source = seeded<'B Ls Es'>(device, [2, 5, 16], 1);
  const session = decoder.start({ B: 2, source: { source } });
  const together = await read(session.step([[1], [2]]));
  session.dispose();
  for (const b of [0, 1]) {
    const flat = source.reshape([2, 80]);
    const one = gather(flat, tensor(device, Int32Array.of(b), [1])).reshape<'B Ls Es'>([1, 5, 16]);
    using alone = decoder.start({ source: { source: one } });
    assertClose(together.subarray(b * V, (b + 1) * V), await read(alone.step([1 + b])));
  }
  expect((await source.data()).length).toBe(160);
});
