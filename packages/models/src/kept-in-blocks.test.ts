import { createDevice, type Device } from '@headwise/tensor';
import { expect, it } from 'vitest';
import type { Decoder } from './decoder.ts';
import { ofGroups } from './formats/grouped-projections.ts';
import { loadModel } from './load-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { families } from './registry.ts';
import { memorySource } from './sources/byte-sources.ts';
import { bytesOf, sharedFolder } from './testing/shared.ts';
import { part, transposed, type WeightSource } from './weight-sources.ts';

const [H, Hkv, D] = [4, 2, 2];
const rows = Hkv * (H / Hkv + 2) * D;
/** 16 rows of one block of 32 numbers each, every byte of which is the number of its row. */
const fused: WeightSource = {
  files: ['qkv'],
  shape: [rows, 32],
  numbers: () => Float32Array.from({ length: rows * 32 }, (_, i) => Math.floor(i / 32)),
  stored: {
    dtype: 'Q8_0',
    bytes: () => Uint8Array.from({ length: rows * 34 }, (_, i) => Math.floor(i / 34)),
  },
};
const rowsIn = (source: WeightSource): number[] => [...source.stored!.bytes()].filter((_, i) => i % 34 === 0);

it.each([
  ['q', [0, 1, 2, 3, 8, 9, 10, 11]],
  ['k', [4, 5, 12, 13]],
  ['v', [6, 7, 14, 15]],
])('rows of a fused projection stay in their blocks: %s', (which, want) => {
  const source = ofGroups(fused, which, { H, Hkv, D });
  expect(source.shape).toEqual([want.length, 32]);
  expect(rowsIn(source)).toEqual(want);
  expect([...source.numbers()].filter((_, i) => i % 32 === 0)).toEqual(want);
});

it('a part of a matrix that lies on its side stays in its blocks', () => {
  const onItsSide: WeightSource = {
    files: ['c_attn'],
    shape: [32, rows],
    numbers: () => new Float32Array(32 * rows),
    turned: fused,
  };
  const source = transposed(part(onItsSide, 1, 4, 4));
  expect(source.shape).toEqual([4, 32]);
  expect(rowsIn(source)).toEqual([4, 5, 6, 7]);
});

const folder = sharedFolder('conformance/models/tiny/gguf_gpt2-a');

it.skipIf(!folder)(
  'a GPT-2 in blocks has all its matrices so on wasm, with the logits of float32',
  async () => {
    const ids = [5, 6, 7, 8];
    const logitsOn = async (device: Device): Promise<Float32Array> => {
      const files = bytesOf(folder!, 'model-Q8_0.gguf');
      const open = async () => memorySource(files, 'model-Q8_0.gguf');
      const checkpoint = await openCheckpoint({
        name: 'gpt2',
        main: 'model-Q8_0.gguf',
        names: ['model-Q8_0.gguf'],
        open,
      });
      const { model } = await loadModel(device, checkpoint, { families });
      return (model as Decoder).start().step(ids).data();
    };
    const wasm = await createDevice('wasm');
    const kept: string[] = [];
    const store = wasm.store!.bind(wasm);
    wasm.store = (shape, format, source) => {
      kept.push(`${format} ${shape.join(' × ')}`);
      return store(shape, format, source);
    };
    const got = await logitsOn(wasm);
    const want = await logitsOn(await createDevice('reference'));
    const size = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [n, value] of want.entries()) expect(Math.abs(got[n]! - value) / size).toBeLessThan(1e-4);
    // of each layer q, k, v, o, up and down
    expect(kept.filter((each) => each.startsWith('Q8_0')).length).toBeGreaterThanOrEqual(12);
  },
);
