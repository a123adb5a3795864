import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@headwise/models';
import { createReference } from '@headwise/tensor';
import { expect, it } from 'vitest';
import golden from '../golden/little-stories.json' with { type: 'json' };
import { decoderOf, loadModel, shippedModel } from './load-model.ts';
import { headwise, temporaryFolder } from './testing/run.ts';

/** A copy of the shipped model to damage. */
function copy(): string {
  const folder = temporaryFolder();
  cpSync(shippedModel, folder, { recursive: true });
  return folder;
}

/** What loading says, with the folder left out. */
async function complaint(folder: string, ...more: string[]): Promise<string> {
  const { code, err } = await headwise(['generate', '--model', folder, '--device', 'reference', ...more]);
  expect(code).toBeGreaterThan(0);
  return err.replaceAll(folder, '…');
}

it('loads the shipped model, whose tokenizer encodes as the trainer did', async () => {
  const model = await loadModel(createReference(), shippedModel);
  const { tokenizer, stopIds } = model;
  expect(decoderOf(model, 'generate').size).toBe(344928);
  expect(stopIds).toEqual([1, 2]);
  expect(golden.tokenizer.length).toBeGreaterThan(8);
  for (const { text, ids } of golden.tokenizer) {
    expect(tokenizer!.encode(text)).toEqual(ids);
    expect(tokenizer!.decode(ids)).toBe(text);
  }
});

it('is under four megabytes', () => {
  expect(readFileSync(join(shippedModel, 'model.safetensors')).length).toBeLessThan(4e6);
});

it('names the file at fault', async () => {
  const cut = copy();
  truncateSync(join(cut, 'model.safetensors'), 5000);
  expect(await complaint(cut)).toMatchInlineSnapshot(`
    "headwise: …: weights: the tensors are not those of the model
      - model.safetensors: "model.embed_tokens.weight" ends at byte 196608 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.input_layernorm.weight" ends at byte 196800 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.mlp.down_proj.weight" ends at byte 221376 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.mlp.gate_proj.weight" ends at byte 245952 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.mlp.up_proj.weight" ends at byte 270528 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.post_attention_layernorm.weight" ends at byte 270720 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.self_attn.k_proj.weight" ends at byte 276864 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.self_attn.o_proj.weight" ends at byte 295296 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.self_attn.q_proj.weight" ends at byte 313728 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.0.self_attn.v_proj.weight" ends at byte 319872 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.input_layernorm.weight" ends at byte 320064 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.mlp.down_proj.weight" ends at byte 344640 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.mlp.gate_proj.weight" ends at byte 369216 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.mlp.up_proj.weight" ends at byte 393792 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.post_attention_layernorm.weight" ends at byte 393984 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.self_attn.k_proj.weight" ends at byte 400128 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.self_attn.o_proj.weight" ends at byte 418560 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.self_attn.q_proj.weight" ends at byte 436992 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.1.self_attn.v_proj.weight" ends at byte 443136 of the data, the file has 1016: it is truncated
      - model.safetensors: "model.layers.2.input_layernorm.weight" ends at byte 443328 of the data, the file has 1016: it is truncated
      - and 18 more
    "
  `);

  const noConfig = copy();
  rmSync(join(noConfig, 'config.json'));
  expect(await complaint(noConfig)).toMatchInlineSnapshot(`
    "headwise: model: … has no config.json
      - a folder needs config.json and model.safetensors (or model.safetensors.index.json and its files), or one *.gguf
    "
  `);

  const badConfig = copy();
  writeFileSync(join(badConfig, 'config.json'), '{"model_type": "llama"');
  expect(await complaint(badConfig)).toMatch(/^headwise: …\/config.json: config: not JSON: /);

  const badTokenizer = copy();
  writeFileSync(join(badTokenizer, 'tokenizer.vocab.json'), '{}');
  expect(await complaint(badTokenizer)).toMatchInlineSnapshot(`
    "headwise: …/tokenizer.vocab.json: vocabulary: "pieces" must be a list of strings
    "
  `);
});

it('lists the tensors that are missing and unknown', async () => {
  const folder = copy();
  const file = join(folder, 'model.safetensors');
  const tensors = new Map(readSafetensors(new Uint8Array(readFileSync(file))).tensors);
  tensors.set('model.layers.9.mlp.up_proj.weight', tensors.get('model.layers.3.mlp.up_proj.weight')!);
  tensors.delete('model.layers.3.mlp.up_proj.weight');
  writeFileSync(file, writeSafetensors(tensors));
  expect(await complaint(folder)).toMatchInlineSnapshot(`
    "headwise: …: weights: the tensors are not those of the model
      - "model.layers.3.mlp.up_proj.weight" is missing, for "layers.3.mlp.up" [128, 96]
      - "model.layers.9.mlp.up_proj.weight" is unknown: the model has no such weight
      - the config says num_hidden_layers 4
    "
  `);
});

it('runs ids without a tokenizer, and asks for one when there is a text', async () => {
  const folder = copy();
  rmSync(join(folder, 'tokenizer.vocab.json'));
  const argv = ['generate', '--model', folder, '--device', 'reference', '--max-tokens', '3'];
  expect(await headwise([...argv, '--ids', '1'])).toMatchObject({
    code: 0,
    out: `1 ${golden.greedy[0]!.generated_ids.slice(0, 3).join(' ')} \n`,
  });
  expect(await complaint(folder, '--prompt', 'a')).toMatchInlineSnapshot(`
    "headwise: no tokenizer of 1024 pieces lies beside …; give --tokenizer FILE, or ids with --ids
    Try: headwise generate --help
    "
  `);
  const tokenizer = join(shippedModel, 'tokenizer.vocab.json');
  expect((await headwise([...argv, '--tokenizer', tokenizer])).out).toBe('Once upon a\n');
});

it('says what is not a model at all', async () => {
  const folder = temporaryFolder();
  expect(await complaint(folder)).toMatchInlineSnapshot(`
    "headwise: model: … has no config.json and no model.safetensors
      - a folder needs config.json and model.safetensors (or model.safetensors.index.json and its files), or one *.gguf
    "
  `);
  writeFileSync(join(folder, 'model.bin'), Uint8Array.of(1, 2, 3));
  expect(await complaint(folder)).toContain('a llama2.c model is given by its file: model.bin');
  expect(await complaint(join(folder, 'model.bin'))).toMatch(/llama2.c checkpoint: truncated: 3 bytes/);
  expect(await complaint(join(folder, 'nothing'))).toMatch(/there is no /);
});

it('refuses a tokenizer of another model', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'tokenizer.json');
  const vocab = Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`piece ${i}`, i]));
  writeFileSync(file, JSON.stringify({ model: { type: 'BPE', vocab, merges: [] } }));
  expect(await complaint(shippedModel, '--tokenizer', file)).toContain(
    'tokenizer.json: tokenizer.json: "piece 1024" is 1024, and the embedding table has 1024 rows: this is another model\'s tokenizer',
  );
});

it('gives the memory back when a load is given up', async () => {
  const device = createReference();
  const before = device.memory.liveBytes;
  const controller = new AbortController();
  const loading = loadModel(device, shippedModel, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  });
  await expect(loading).rejects.toThrow('enough');
  expect(device.memory.liveBytes).toBe(before);
});
