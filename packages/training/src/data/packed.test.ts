import { configure, groupedQuery, linear, multiHead, slidingWindow } from '@headwise/attention-variants';
import {
  block,
  createDecoder,
  createLayerNorm,
  createReluMlp,
  type Decoder,
  decoderParameters,
  learnedPositions,
  randomWeights,
} from '@headwise/models';
import { alibi, rotary } from '@headwise/positional';
import { createDevice, createReference, type Device, type Tensor, valueAndGrad } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { languageModelLoss } from '../losses.ts';
import { IGNORED, type TokenBatch } from '../rows.ts';
import { packedDocuments } from './batches.ts';

const documents = [[1, 2, 3], [4, 5], [6, 7, 8, 9, 1, 2, 3], [5], [2, 4, 6, 8]];

it('every token once an epoch, in its document, and what comes next in it', () => {
  const data = packedDocuments({ documents, T: 4, B: 2, seed: 3 });
  expect(data.epoch).toBe(2);
  const seen: number[] = [];
  for (const index of [0, 1]) {
    const { ids, targets, documents: lengths } = data.batch(index);
    for (const [b, row] of ids.entries()) {
      expect(row).toHaveLength(4);
      expect(lengths![b]!.reduce((sum, length) => sum + length, 0)).toBe(4);
      let at = 0;
      for (const length of lengths![b]!) {
        const piece = row.slice(at, at + length).join();
        const whole = documents.find(
          (each) =>
            each.join().includes(piece) &&
            follows(each, row.slice(at, at + length), targets[b]!.slice(at, at + length)),
        );
        expect(whole, piece).toBeDefined();
        at += length;
      }
      seen.push(...row);
    }
  }
  const all = documents.flat();
  for (const id of new Set(seen))
    expect(seen.filter((each) => each === id).length).toBeLessThanOrEqual(
      all.filter((each) => each === id).length,
    );
  expect(data.batch(1)).toEqual(packedDocuments({ documents, T: 4, B: 2, seed: 3 }).batch(1));
  expect(data.batch(2)).not.toEqual(data.batch(0));
  expect(() => packedDocuments({ documents, T: 18, B: 1, seed: 1 })).toThrow(
    'must be at least 18 tokens together, got 17',
  );
});

/** Whether a piece with its targets stands in a document. */
function follows(document: readonly number[], piece: readonly number[], targets: readonly number[]): boolean {
  return document.some((_, start) =>
    piece.every((id, i) => document[start + i] === id && targets[i] === (document[start + i + 1] ?? IGNORED)),
  );
}

const norm = createLayerNorm();
const mlp = createReluMlp({ F: 12 });
const models = {
  'rotary, grouped queries': {
    blocks: block({ attention: configure(groupedQuery, { Hkv: 1 }), position: rotary(), norm, mlp }),
  },
  'a window': {
    blocks: block({ attention: configure(slidingWindow, { window: 2 }), position: rotary(), norm, mlp }),
  },
  'learned positions': {
    blocks: block({ attention: configure(multiHead), norm, mlp }),
    position: learnedPositions({ rows: 8 }),
  },
  ALiBi: { blocks: block({ attention: configure(multiHead), position: alibi(), norm, mlp }) },
};

function decoderOf(
  device: Device,
  name: keyof typeof models,
): { decoder: Decoder; weights: Record<string, Tensor> } {
  const parts = { shape: { V: 10, E: 8, H: 2, D: 4, layers: 2 }, norm, ...models[name] };
  const weights = randomWeights(device, decoderParameters(parts), { seed: 8 });
  return { decoder: createDecoder({ ...parts, device, weights }), weights };
}

const packed: TokenBatch = {
  ids: [
    [1, 2, 3, 4, 5, 6],
    [7, 8, 9, 1],
  ],
  targets: [
    [2, 3, IGNORED, 5, 6, 7],
    [8, IGNORED, 1, 2],
  ],
  documents: [
    [3, 3],
    [2, 2],
  ],
};
const apart: TokenBatch = {
  ids: [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8],
    [9, 1],
  ],
  targets: [
    [2, 3, IGNORED],
    [5, 6, 7],
    [8, IGNORED],
    [1, 2],
  ],
};

const cases = ['reference', 'wasm', 'gpujs:webasm'].flatMap((name) =>
  (Object.keys(models) as (keyof typeof models)[]).map((model) => ({ name, model })),
);

it.each(cases)(
  'documents in one row are as if each had one of its own: $model on $name',
  async ({ name, model }) => {
    const { decoder, weights } = decoderOf(await createDevice(name), model);
    const loss = languageModelLoss(decoder);
    const of = valueAndGrad((params: Record<string, Tensor>, batch: TokenBatch) => loss(params, batch));
    const [together, alone] = [of(weights, packed), of(weights, apart)];
    const close = { atol: 2e-5, rtol: 2e-4 };
    assertClose(await together.value.data(), await alone.value.data(), close);
    for (const key of Object.keys(weights))
      assertClose(await together.grads[key]!.data(), await alone.grads[key]!.data(), close);
  },
);

it('refuses what does not fill a row, and states that have one memory for all of it', () => {
  const device = createReference();
  const { decoder, weights } = decoderOf(device, 'a window');
  for (const first of [[3, 2], [3, 4], [8, -2], [3.5, 2.5], [Infinity], [Number.NaN]]) {
    const wrong = { ...packed, documents: [first, [4]] };
    expect(() => languageModelLoss(decoder)(weights, wrong)).toThrow(
      `documents must be lengths that fill their rows, got "${first.join(' + ')} of 6 tokens"`,
    );
  }
  const parts = {
    shape: { V: 10, E: 8, H: 2, D: 4, layers: 1 },
    blocks: block({ attention: configure(linear), norm, mlp }),
    norm,
  };
  const recurrent = randomWeights(device, decoderParameters(parts));
  const loss = languageModelLoss(createDecoder({ ...parts, device, weights: recurrent }));
  const { buffers } = device.memory;
  expect(() => loss(recurrent, packed)).toThrow('documents must be left out: 0.self is recurrent');
  expect(device.memory.buffers).toBe(buffers);
});
