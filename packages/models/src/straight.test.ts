import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDevice, createReference, type Device } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ByteSource, Checkpoint, FileSet } from './checkpoint.ts';
import type { Decoder } from './decoder.ts';
import { llama } from './families/llama.ts';
import { defineFamily } from './family.ts';
import { type HostTensor, writeSafetensors } from './formats/safetensors.ts';
import { type LoadedModel, type LoadOptions, type LoadProgress, loadModel } from './load-model.ts';
import { pathFiles } from './node.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { joinGates, json, checkpoint as tensorsOf } from './testing/checkpoint.ts';
import { appended, named, part, reshaped, rowsOf, stacked, type WeightSource } from './weight-sources.ts';

const ids = [3, 1, 4, 1, 5];
let device: Device;
let folder: string;
beforeAll(async () => {
  device = await createDevice('wasm');
  folder = mkdtempSync(join(tmpdir(), 'headwise-straight-'));
});
afterAll(() => {
  expect(device.memory).toMatchObject({ buffers: 0, liveBytes: 0 });
  device.dispose();
  rmSync(folder, { recursive: true });
});

/** Files on disk, from which bytes go straight to the device; what is read of the weights is noted. */
function written(
  tensors: ReadonlyMap<string, HostTensor>,
  config: object = json,
  reads: [number, number][] = [],
): FileSet {
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors));
  const files = pathFiles(folder);
  return {
    ...files,
    async open(name) {
      const source = (await files.open(name))!;
      if (!name.endsWith('.safetensors')) return source;
      return {
        ...source,
        read(start, end, signal) {
          reads.push([start, end]);
          return source.read(start, end, signal);
        },
        readInto(start, target, signal) {
          reads.push([start, start + target.length]);
          return source.readInto!(start, target, signal);
        },
      } satisfies ByteSource;
    },
  };
}

async function logitsOf(
  on: Device,
  checkpoint: Checkpoint,
  options: Partial<LoadOptions> = {},
): Promise<Float32Array> {
  try {
    const { model } = await loadModel(on, checkpoint, { families: { llama }, ...options });
    using session = (model as Decoder).start();
    using logits = session.step(ids);
    const values = await logits.data();
    model.dispose();
    return values;
  } finally {
    checkpoint.close();
  }
}

async function loaded(
  on: Device,
  tensors: ReadonlyMap<string, HostTensor>,
  config: object = json,
): Promise<LoadedModel> {
  const checkpoint = await openCheckpoint(written(tensors, config));
  const model = await loadModel(on, checkpoint, { families: { llama } });
  checkpoint.close();
  return model;
}

function typed(dtype: 'F16' | 'BF16' | 'F32'): Map<string, HostTensor> {
  return new Map([...tensorsOf()].map(([name, tensor]) => [name, { ...tensor, dtype } as HostTensor]));
}

it.each([
  ['F32', false],
  ['F16', false],
  ['BF16', false],
  ['F16', true],
  ['BF16', true],
] as const)('%s goes straight to wasm, each byte read once; all as float32: %s', async (dtype, float32) => {
  const reads: [number, number][] = [];
  const progress: LoadProgress[] = [];
  const checkpoint = await openCheckpoint(written(typed(dtype), json, reads));
  const headers = reads.length;
  const got = await logitsOf(device, checkpoint, { float32, onProgress: (now) => progress.push(now) });
  const want = await logitsOf(createReference(), await openCheckpoint(written(typed(dtype))));
  assertClose(got, want, { atol: 1e-5, rtol: 1e-5 });
  expect(reads.length).toBeGreaterThan(headers);
  const sorted = reads.slice(headers).sort(([a], [b]) => a - b);
  for (const [n, [start]] of sorted.entries()) if (n > 0) expect(start).toBe(sorted[n - 1]![1]);
  const total = [...checkpoint.tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  expect(sorted.reduce((sum, [start, end]) => sum + end - start, 0)).toBe(total);
  expect(progress).toHaveLength(checkpoint.tensors.size);
  expect(progress.at(-1)).toMatchObject({ loaded: total, total });
});

it('weights stand in the order of the model, whenever each was there', async () => {
  const [got, want] = await Promise.all([
    loaded(device, tensorsOf()),
    loaded(createReference(), tensorsOf()),
  ]);
  expect(Object.keys(got.weights)).toEqual(Object.keys(want.weights));
  got.model.dispose();
});

it('parts of one tensor are read each once, and so is what two weights are both made of', async () => {
  const fused = defineFamily({
    ...llama,
    weights: (config) => (file, wanted) => ({
      ...llama.weights(config)(file, wanted),
      ...named({
        'layers.*.mlp.{gate,up}': (of, layer, which) =>
          part(of(`model.layers.${layer}.mlp.both`), 0, which === 'up' ? 24 : 0, 24),
        // the same tensor twice: it cannot go two ways
        'layers.*.{attentionNorm,mlpNorm}.weight': (of, layer) =>
          of(`model.layers.${layer}.input_layernorm.weight`),
      })(file, wanted),
    }),
  });
  const tensors = tensorsOf();
  joinGates(tensors);
  for (const layer of [0, 1]) tensors.delete(`model.layers.${layer}.post_attention_layernorm.weight`);
  const reads: [number, number][] = [];
  const families = { llama: { ...fused, weights: fusedOnly(fused.weights) } };
  const got = await logitsOf(device, await openCheckpoint(written(tensors, json, reads)), { families });
  const want = await logitsOf(createReference(), await openCheckpoint(written(tensors)), { families });
  assertClose(got, want, { atol: 1e-5, rtol: 1e-5 });
  const sorted = [...reads].sort(([a], [b]) => a - b);
  for (const [n, [start]] of sorted.entries()) if (n > 0) expect(start).toBe(sorted[n - 1]![1]);
});

/** Without the weights that a file has under other names. */
function fusedOnly(weights: typeof llama.weights): typeof llama.weights {
  return (config) => (file, wanted) =>
    weights(config)((name) => (/(gate|up)_proj|post_attention/.test(name) ? gone : file(name)), wanted);
}
const gone: WeightSource = { files: [], shape: undefined, numbers: () => new Float32Array() };

it('numbers that are none are refused by name and place, and the device holds what it held', async () => {
  const tensors = tensorsOf();
  const name = 'model.layers.1.mlp.down_proj.weight';
  const { shape, data } = tensors.get(name)!;
  tensors.set(name, {
    dtype: 'F32',
    shape,
    data: (data as Float32Array).map((value, n) => (n === 77 ? Infinity : value)),
  });
  const held = heldBy(device);
  await expect(logitsOf(device, await openCheckpoint(written(tensors)))).rejects.toThrow(
    `weights: "${name}" must hold finite numbers, number 77 is Infinity`,
  );
  expect(heldBy(device)).toEqual(held);
});

function heldBy({ memory: { liveBytes, buffers, extraBytes } }: Device): Record<string, unknown> {
  return { liveBytes, buffers, used: extraBytes };
}

it('a load that is stopped, or whose file becomes shorter, gives the memory back', async () => {
  const held = heldBy(device);
  for (const stopAt of [1, 5, 19]) {
    const control = new AbortController();
    let seen = 0;
    const loading = logitsOf(device, await openCheckpoint(written(tensorsOf())), {
      signal: control.signal,
      onProgress: () => {
        if (++seen === stopAt) control.abort(new Error('enough'));
      },
    });
    await expect(loading).rejects.toThrow('enough');
    expect(heldBy(device)).toEqual(held);
  }
  const checkpoint = await openCheckpoint(written(tensorsOf()));
  truncateSync(join(folder, 'model.safetensors'), 4000);
  await expect(logitsOf(device, checkpoint)).rejects.toThrow('it is shorter than when it was opened');
  expect(heldBy(device)).toEqual(held);
});

it('nobody writes to memory that was given back: reads that are on their way are waited for', async () => {
  const held = heldBy(device);
  const checkpoint = await openCheckpoint(written(tensorsOf()));
  let open = 0;
  const slow: Checkpoint = {
    ...checkpoint,
    reader(name) {
      const read = checkpoint.reader!(name)!;
      return async (start, target, signal) => {
        open++;
        // the second fails, the third is still on its way then
        if (open === 2) throw new Error('the disk is gone');
        for (let n = 0; n < 20; n++) await new Promise((go) => setImmediate(go));
        expect(heldBy(device)).not.toEqual(held);
        await read(start, target, signal);
        open--;
      };
    },
  };
  await expect(logitsOf(device, slow)).rejects.toThrow('the disk is gone');
  expect(open).toBe(1);
  expect(heldBy(device)).toEqual(held);
});

it('two models at once on one device', async () => {
  const both = await Promise.all([
    openCheckpoint(written(tensorsOf())).then((one) => logitsOf(device, one)),
    openCheckpoint(written(tensorsOf())).then((one) => logitsOf(device, one)),
  ]);
  expect(both[0]).toEqual(both[1]);
});

it('large weights come in many pieces', async () => {
  const config = { ...json, vocab_size: 20_011, num_hidden_layers: 1 };
  const tensors = tensorsOf(config);
  const embed = tensors.get('model.embed_tokens.weight')!;
  for (const dtype of ['F32', 'BF16'] as const) {
    tensors.set('model.embed_tokens.weight', { ...embed, dtype } as HostTensor);
    const [got, want] = await Promise.all([
      loaded(device, tensors, config),
      loaded(createReference(), tensors, config),
    ]);
    expect(await got.weights.embed!.data()).toEqual(await want.weights.embed!.data());
    got.model.dispose();
  }
});

it('knows where rows of rows are, of parts put together and under another shape', () => {
  const source = (file: string, rows: number): WeightSource => ({
    files: [file],
    shape: [rows, 4],
    numbers: () => seededValues(rows * 4, 1),
    place: { dtype: 'F32', spans: [{ file, start: 0, end: rows * 16 }] },
  });
  const both = appended([source('a', 3), source('b', 5)]);
  expect(
    rowsOf(both, [
      [2, 3],
      [7, 1],
    ]).place!.spans,
  ).toEqual([
    { file: 'a', start: 32, end: 48 },
    { file: 'b', start: 0, end: 32 },
    { file: 'b', start: 64, end: 80 },
  ]);
  expect(part(rowsOf(both, [[1, 4]]), 0, 1, 2).place!.spans).toEqual([
    { file: 'a', start: 32, end: 48 },
    { file: 'b', start: 0, end: 16 },
  ]);
  expect(reshaped(stacked([source('a', 2), source('b', 2)]), [4, 4]).place!.spans).toHaveLength(2);
  expect(part(source('a', 3), 1, 0, 2).place).toBeUndefined();
  const halves: WeightSource = { ...source('c', 2), place: { dtype: 'F16', spans: [] } };
  expect(appended([source('a', 3), halves]).place).toBeUndefined();
});
