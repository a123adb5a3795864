import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { shippedModel } from '../load-model.ts';
import { headwise, json } from '../testing/run.ts';
import { sharedFolder } from '../testing/shared.ts';

it('says what the shipped model is made of', async () => {
  const { out, code } = await headwise(['inspect', shippedModel]);
  expect(code).toBe(0);
  expect(out).toMatchInlineSnapshot(`
    "Llama (llama), a decoder, from safetensors
    Touvron et al. 2023, Llama 2: Open Foundation and Fine-Tuned Chat Models

    decoder: 4 layers, width 96, 6 heads of 16, 1024 ids, context 256
    decoder 0–3: pre-norm, rms-norm; attention: grouped-query, rotary; mlp: swiglu; 61632 parameters each

    344928 parameters in 38 tensors, 674 KB: F16 674 KB
    tokenizer: llama2c; chat template: none

    keys and values of one text, in f16:
                                     a token      1k      4k    16k    64k    256k      1M
    as it is                       512 bytes  512 KB    2 MB   8 MB  32 MB  128 MB  512 MB
    multi-head, 6 heads               1.5 KB  1.5 MB    6 MB  24 MB  96 MB  384 MB  1.5 GB
    grouped-query, 1 heads         256 bytes  256 KB    1 MB   4 MB  16 MB   64 MB  256 MB
    multi-query                    256 bytes  256 KB    1 MB   4 MB  16 MB   64 MB  256 MB
    multi-query, cross-layer by 2  128 bytes  128 KB  512 KB   2 MB   8 MB   32 MB  128 MB
    multi-head, window 4096           1.5 KB  1.5 MB    6 MB   6 MB   6 MB    6 MB    6 MB
    "
  `);
});

it('counts bytes as the model and others keep them', async () => {
  const got = (await json(['inspect', shippedModel, '--dtype', 'f32', '--window', '1024', '--tensors'])) as {
    memory: { own: Memory; others: Memory[] };
    tensors: { name: string; bytes: number }[];
    weights: { bytes: number; parameters: number };
  };
  interface Memory {
    readonly name: string;
    readonly bytes_per_token: number;
    readonly bytes: Record<string, number>;
  }
  // 4 layers, 2 of 6 heads of width 16, keys and values, 4 bytes
  expect(got.memory.own.bytes_per_token).toBe(4 * 2 * 16 * 2 * 4);
  expect(got.memory.own.bytes['1048576']).toBe(1_048_576 * 4 * 2 * 16 * 2 * 4);
  const byName = Object.fromEntries(got.memory.others.map((memory) => [memory.name, memory]));
  expect(byName['multi-head, 6 heads']!.bytes_per_token).toBe(3 * got.memory.own.bytes_per_token);
  expect(byName['multi-query']!.bytes_per_token).toBe(got.memory.own.bytes_per_token / 2);
  expect(byName['multi-query, cross-layer by 2']!.bytes_per_token).toBe(got.memory.own.bytes_per_token / 4);
  const windowed = byName['multi-head, window 1024']!;
  expect(windowed.bytes['1048576']).toBe(1024 * windowed.bytes_per_token);
  expect(got.weights).toMatchObject({ parameters: 344928, bytes: 2 * 344928 });
  expect(got.tensors.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(got.weights.bytes);
});

it.each([
  // 4 recurrent layers: a state of 4 heads of 6 · 5 and 3 rows of 44 channels; 1 layer with 2 heads of 8, keys and values
  ['qwen3_next-a', 4 * (4 * 6 * 5 + 3 * 44), 2 * 8 * 2],
  // 4 recurrent layers: 3 heads of 6 · 6 and 3 rows of 54; 1 layer with a latent of 10 + 4
  ['kimi_linear-a', 4 * (3 * 6 * 6 + 3 * 54), 10 + 4],
] as const)('counts what does not grow in %s once', async (name, state, row) => {
  const folder = fileURLToPath(new URL(`../../../models/golden/tiny/${name}`, import.meta.url));
  const { memory, parts } = (await json(['inspect', folder, '--dtype', 'f32'])) as {
    memory: { own: { bytes_per_token: number; bytes: Record<string, number> } };
    parts: { layers: string }[];
  };
  expect(memory.own.bytes_per_token).toBe(4 * row);
  expect(memory.own.bytes['1024']).toBe(4 * (state + 1024 * row));
  expect(memory.own.bytes['1048576']).toBe(4 * (state + 1_048_576 * row));
  expect(parts.map(({ layers }) => layers)).toContain('3');
});

const tiny = sharedFolder('conformance/models/tiny');
it.skipIf(!tiny)('reads GGUF headers, encoders and both halves of a translator', async () => {
  const gguf = (await json(['inspect', join(tiny!, 'gguf_llama-a/model-Q4_0.gguf')])) as Record<
    string,
    unknown
  >;
  expect(gguf).toMatchObject({
    format: 'gguf',
    family: 'llama',
    tokenizer: 'gguf (llama)',
    weights: { types: { Q4_0: {} } },
  });
  const bert = (await json(['inspect', join(tiny!, 'bert-a/cls')])) as Record<string, unknown>;
  expect(bert).toMatchObject({ kind: 'encoder', family: 'bert' });
  expect(bert.memory).toBeUndefined();
  const t5 = (await json(['inspect', join(tiny!, 't5-a')])) as { parts: { half: string; layers: string }[] };
  expect(t5.parts.map(({ half, layers }) => `${half} ${layers}`)).toEqual(['encoder 0–2', 'decoder 0–1']);
});

it.each([
  [[], 2, 'inspect needs a model: a folder or a file'],
  [['nowhere'], 1, 'there is no '],
  [[shippedModel, '--dtype', 'f8'], 1, 'f8'],
])('refuses %j', async (argv, want, message) => {
  const { code, err } = await headwise(['inspect', ...argv]);
  expect(err).toContain(message);
  expect(code).toBe(want);
});
