import { createReference } from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import { expect, it } from 'vitest';
import { type Decoder, type DecoderParts, decoderParameters } from '../decoder.ts';
import { createModel, readConfig } from '../family.ts';
import type { HostTensor } from '../formats/safetensors.ts';
import { checkFamily } from '../testing/family.ts';
import { gpt2 } from './gpt2.ts';

checkFamily(gpt2, 'gpt2-a');

const config = { model_type: 'gpt2', vocab_size: 20, n_embd: 12, n_head: 3, n_layer: 2 };

it('has the defaults of GPT-2 where the file is silent', () => {
  const { parts } = readConfig(gpt2, config).model as { parts: DecoderParts };
  expect(parts.context).toBe(1024);
  expect(parts.tied).toBe(true);
  expect(decoderParameters(parts)).toMatchObject({
    'position.table': [1024, 12],
    'layers.1.mlp.up': [48, 12],
    'layers.1.attention.o.bias': [12],
  });
});

it.each([
  [{ n_embd: 13 }, 'n_embd 13 must be a multiple of n_head 3'],
  [{ add_cross_attention: true }, 'add_cross_attention true is not supported, only false'],
  [{ activation_function: 'sine' }, 'activation_function must be one of gelu, gelu_python, gelu_new'],
  [{ scale_attn_weights: 1 }, 'scale_attn_weights must be true or false'],
  [{ n_layer: 1e9 }, 'n_layer must be at most 10000'],
  [{ rotary_dim: 4 }, '"rotary_dim" 4 is not understood'],
])('refuses %o', (change, message) => {
  expect(() => readConfig(gpt2, { ...config, ...change })).toThrow(message);
});

it('reads a file without the prefix, as the first GPT-2 is stored, with the masks it holds', async () => {
  const device = createReference();
  const { parts } = readConfig(gpt2, config).model as { parts: DecoderParts };
  const E = 12;
  const files = new Map<string, HostTensor>();
  const put = (name: string, ...shape: readonly number[]): void => {
    const data = seededValues(
      shape.reduce((product, axis) => product * axis, 1),
      files.size,
    );
    files.set(name, { dtype: 'F32', shape, data });
  };
  put('wte.weight', 20, E);
  put('wpe.weight', 1024, E);
  for (const layer of [0, 1]) {
    for (const norm of ['ln_1', 'ln_2'])
      for (const what of ['weight', 'bias']) put(`h.${layer}.${norm}.${what}`, E);
    put(`h.${layer}.attn.bias`, 1, 1, 1024, 1024);
    for (const [name, I, O] of [
      ['attn.c_attn', E, 3 * E],
      ['attn.c_proj', E, E],
      ['mlp.c_fc', E, 4 * E],
      ['mlp.c_proj', 4 * E, E],
    ] as const) {
      put(`h.${layer}.${name}.weight`, I, O);
      put(`h.${layer}.${name}.bias`, O);
    }
  }
  put('ln_f.weight', E);
  put('ln_f.bias', E);
  const prefixed = new Map([...files].map(([name, tensor]) => [`transformer.${name}`, tensor]));
  const logits = async (tensors: ReadonlyMap<string, HostTensor>): Promise<number[]> => {
    const { model } = createModel(device, gpt2, config, tensors) as { model: Decoder };
    using session = model.start({ capacity: 4 });
    return Array.from(await session.step([1, 2, 3]).data());
  };
  expect(parts.shape.layers).toBe(2);
  expect(await logits(files)).toEqual(await logits(prefixed));
  const both = new Map([...files, ['transformer.ln_f.bias', files.get('ln_f.bias')!]]);
  expect(() => createModel(device, gpt2, config, both)).toThrow('"transformer.ln_f.bias" is unknown');
  const misshapen = new Map([...files, ['h.0.attn.c_attn.weight', files.get('wte.weight')!]]);
  expect(() => createModel(device, gpt2, config, misshapen)).toThrow(
    '"h.0.attn.c_attn.weight" must be [12, 12]',
  );
});
