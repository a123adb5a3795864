import {
  configure,
  crossLayer,
  groupedQuery,
  linear,
  multiHead,
  multiHeadLatent,
  sinkTokens,
  slidingWindow,
} from '@headwise/attention-variants';
import {
  type Cache,
  type CacheOptions,
  createAnchorEvicting,
  createContiguous,
  createPaged,
  createQuantized,
  createSinkPreserving,
  createStates,
} from '@headwise/kv-cache';
import { alibi, rotary } from '@headwise/positional';
import { createDevice, createReference, rowFormats, watch, writeOp } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { Session } from './session.ts';
import type { SessionOptions, StepIds } from './session-contract.ts';
import { tinyDecoder } from './testing/tiny.ts';

// what a step says to the device; numbers that differ from step to step are in tensors, whose addresses stay
const models = {
  contiguous: { attention: configure(multiHead) },
  'contiguous, under a bias': { attention: configure(multiHead), position: alibi() },
  'of fewer heads': { attention: configure(groupedQuery, { Hkv: 2 }) },
  ring: { attention: configure(slidingWindow, { window: 4 }) },
  'ring with sinks': { attention: configure(sinkTokens, { sinks: 2, window: 4 }) },
  latent: { attention: configure(multiHeadLatent, { latent: 8, rope: 4 }) },
  recurrent: { attention: configure(linear) },
  shared: { attention: configure(crossLayer, { factor: 2 }) },
} as const;

const batches: readonly (readonly [string, StepIds, StepIds])[] = [
  ['one sequence', [[3, 1]], [[4]]],
  [
    'two sequences',
    [
      [3, 1],
      [2, 5],
    ],
    [[4], [5]],
  ],
  ['sequences of different lengths', [[3, 1], [2], [5, 6, 7]], [[4], [5], [6]]],
];

describe.each(Object.keys(models) as (keyof typeof models)[])('%s', (name) => {
  it.each(batches)('makes one decode step of %s as it makes the next', (_, prompt, next) => {
    const decoder = tinyDecoder(createReference(), { blocks: models[name] });
    staysAlike(decoder.start({ B: prompt.length }), prompt, next);
  });
});

const turned = { attention: configure(multiHead), position: rotary() };
const windowed = (window: number) => ({
  attention: configure(slidingWindow, { window }),
  position: rotary(),
});
const withSinks = { attention: configure(sinkTokens, { sinks: 2, window: 4 }), position: rotary() };
const latents = { attention: configure(multiHeadLatent, { latent: 8, rope: 4 }) };
type Make = (options: CacheOptions) => Cache;
const caches: Readonly<Record<string, readonly [blocks: object, kind: 'full' | 'window', make: Make]>> = {
  paged: [turned, 'full', (options) => createPaged({ ...options, blockSize: 4, blocks: 40 })],
  'paged, a window': [windowed(3), 'window', (options) => createPaged({ ...options, blockSize: 4 })],
  // none of these steps has tokens enough to pack
  quantized: [turned, 'full', (options) => createQuantized({ ...options, residual: 30, group: 4 })],
  'contiguous, a window': [windowed(4), 'window', createContiguous],
  'sink-preserving': [withSinks, 'window', createSinkPreserving],
  'anchor-evicting': [
    turned,
    'full',
    (options) => createAnchorEvicting({ ...options, isAnchor: (_, position) => position % 4 === 3 }),
  ],
};

describe.each(['reference', 'wasm', 'gpujs:cpu'])('on %s', (name) => {
  describe.each(Object.entries(caches))('%s', (_, [blocks, kind, make]) => {
    it.each(batches)('makes one decode step of %s as it makes the next', async (__, prompt, next) => {
      const decoder = tinyDecoder(await createDevice(name), { blocks });
      const cache: SessionOptions['cache'] = (specs, given) =>
        createStates(specs, { ...given, create: { [kind]: make } });
      staysAlike(decoder.start({ B: prompt.length, capacity: 40, cache }), prompt, next);
    });
  });

  it.each(batches)('makes one decode step of %s in a ring of one as the next', async (_, prompt, next) => {
    const decoder = tinyDecoder(await createDevice(name), { blocks: windowed(1) });
    staysAlike(decoder.start({ B: prompt.length }), prompt, next);
  });
});

describe.each([...rowFormats, { v: 'f16' as const }])('in %j', (format) => {
  describe.each([
    ['contiguous', turned, {}],
    ['a ring', windowed(3), {}],
    ['a ring of one', windowed(1), {}],
    ['sink-preserving', withSinks, { window: createSinkPreserving }],
    ['latent', latents, {}],
  ])('%s', (kind, blocks, create) => {
    it.skipIf(kind === 'latent' && typeof format === 'object').each(batches)(
      'makes one decode step of %s as it makes the next',
      async (_, prompt, next) => {
        const decoder = tinyDecoder(await createDevice('wasm'), { blocks });
        const cache: SessionOptions['cache'] = (specs, given) =>
          createStates(specs, { ...given, create, format });
        staysAlike(decoder.start({ B: prompt.length, cache }), prompt, next);
      },
    );
  });
});

function staysAlike(session: Session, prompt: StepIds, next: StepIds): void {
  session.step(prompt).dispose();
  session.step(next).dispose(); // the first of this form makes what the others use
  const first = callsOf(session, next);
  // past the window of a ring, and past where it wraps
  for (let i = 0; i < 9; i++) expect(callsOf(session, next)).toEqual(first);
  session.dispose();
}

/** All operations of a step; what the host writes are its numbers, which stand in the same tensors each time. */
function callsOf(session: Session, ids: StepIds): readonly string[] {
  const calls: string[] = [];
  watch(
    ({ op, params, inputs }) => {
      const fromHost = op === writeOp && inputs.source === undefined;
      if (fromHost) return;
      const shapes = Object.entries(inputs).map(([name, tensor]) => `${name} ${tensor?.shape}`);
      calls.push(`${op.name} ${shapes.join('; ')} ${JSON.stringify(params)}`);
    },
    () => session.step(ids),
  );
  return calls;
}
