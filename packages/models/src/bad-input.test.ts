import { createDevice, createReference, type Device } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { Decoder } from './decoder.ts';
import { llama } from './families/llama.ts';
import { loadModel } from './load-model.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { memorySource } from './sources/byte-sources.ts';
import { folder } from './testing/malformed/case.ts';

const families = { llama };

async function load(device: Device, signal?: AbortSignal, onProgress?: () => void): Promise<Decoder> {
  const files = folder();
  const checkpoint = await openCheckpoint({
    name: 'tiny',
    names: Object.keys(files),
    open: async (name) => (files[name] ? memorySource(files[name], name) : undefined),
  });
  const { model } = await loadModel(device, checkpoint, { families, signal, onProgress });
  return model as Decoder;
}

describe.each(['reference', 'wasm'])('on %s', (name) => {
  it('a load that is given up leaves the memory as it was', async () => {
    const device = await createDevice(name as 'reference');
    const before = device.memory.liveBytes;
    const control = new AbortController();
    let seen = 0;
    const loading = load(device, control.signal, () => {
      if (++seen === 5) control.abort(new Error('enough'));
    });
    await expect(loading).rejects.toThrow('enough');
    expect(device.memory.liveBytes).toBe(before);
    device.dispose();
  });

  it('a prompt that is given up half-way leaves the memory as it was', async () => {
    const device = await createDevice(name as 'reference');
    const decoder = await load(device);
    // makes the tables of positions, which are the model's
    decoder.start({ capacity: 32 }).dispose();
    const before = device.memory.liveBytes;
    const session = decoder.start({ capacity: 32 });
    const control = new AbortController();
    let layers = 0;
    const look = (): void => {
      if (++layers === 3) control.abort(new Error('enough'));
    };
    const ids = Array.from({ length: 16 }, (_, i) => i);
    expect(() => session.step(ids, { chunk: 4, look, signal: control.signal })).toThrow('enough');
    expect(session.length).toBe(0);
    session.dispose();
    expect(device.memory.liveBytes).toBe(before);
    decoder.dispose();
    expect(device.memory.liveBytes).toBe(0);
    device.dispose();
  });

  it('two models work side by side, and the one goes on when the other is gone', async () => {
    const device = await createDevice(name as 'reference');
    const alone = await load(device);
    const want = await alone.start().step([3, 1, 4]).data();
    const [one, two] = await Promise.all([load(device), load(device)]);
    const [a, b] = [one.start({ capacity: 8 }), two.start({ capacity: 8 })];
    a.step([3]).dispose();
    b.step([3, 1]).dispose();
    a.step([1]).dispose();
    expect(await b.step([4]).data()).toEqual(await a.step([4]).data());
    a.dispose();
    one.dispose();
    b.take([0]);
    expect(b.length).toBe(3);
    const again = await two.start().step([3, 1, 4]).data();
    expect(again).toEqual(want);
    device.dispose();
  });
});

it('a prompt longer than the context is refused by both lengths, and changes nothing', async () => {
  const decoder = await load(createReference());
  const session = decoder.start();
  const ids = Array.from({ length: 33 }, () => 1);
  expect(() => session.step(ids)).toThrow(/33[\s\S]*32|32[\s\S]*33/);
  expect(session.length).toBe(0);
});

it('a model_type that nobody knows is refused with those that are known, and how to add one', async () => {
  const files = folder({ 'config.json': { model_type: 'mamba' } });
  const checkpoint = await openCheckpoint({
    name: 'tiny',
    names: Object.keys(files),
    open: async (name) => (files[name] ? memorySource(files[name], name) : undefined),
  });
  await expect(loadModel(createReference(), checkpoint, { families })).rejects.toThrow(
    /"mamba" is not known\n.*those that are: llama\n.*defineFamily/,
  );
});
