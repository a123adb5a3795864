import { createReference } from '@headwise/tensor';
import { assertClose } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { encoderOutputs } from '../conformance/encoder-golden.ts';
import { Golden } from '../conformance/golden.ts';
import { createModel, readConfig } from '../family.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { checkFamily } from '../testing/family.ts';
import { bytesOf, jsonOf, sharedFolder } from '../testing/shared.ts';
import { bert } from './bert.ts';

checkFamily(bert, 'bert-a');

describe('a file of the bare model, as sentence encoders are', () => {
  const folder = sharedFolder('conformance/models/tiny/bert-a');

  it.skipIf(!folder).each(['plain', 'gamma and beta'])('gives the pooled vector, names %s', async (names) => {
    const { tensors } = readSafetensors(bytesOf(folder!, 'cls/model.safetensors'));
    const renamed = new Map(
      [...tensors]
        .filter(([name]) => !name.startsWith('classifier'))
        .map(([name, tensor]) => {
          const bare = name.replace('bert.', '');
          const old = bare
            .replace('LayerNorm.weight', 'LayerNorm.gamma')
            .replace('LayerNorm.bias', 'LayerNorm.beta');
          return [names === 'plain' ? bare : old, tensor];
        }),
    );
    const json = { ...jsonOf<object>(folder!, 'cls/config.json'), architectures: ['BertModel'] };
    const golden = new Golden(
      jsonOf(folder!, 'golden.json'),
      readSafetensors(bytesOf(folder!, 'golden.safetensors')),
    );
    const loaded = createModel(createReference(), bert, json, renamed);
    const seen: string[] = [];
    if (loaded.kind !== 'encoder') throw new Error('no encoder');
    for await (const { name, got, want, tolerance } of encoderOutputs(loaded.model, golden)) {
      seen.push(name);
      expect(() => assertClose(got, want, tolerance), name).not.toThrow();
    }
    expect(seen).toContain('pooled');
    expect(seen).toContain('mean_pooled_normalized');
  });
});

const json = {
  model_type: 'bert',
  architectures: ['BertForTokenClassification'],
  vocab_size: 20,
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 3,
  intermediate_size: 16,
  max_position_embeddings: 24,
  id2label: { 0: 'O', 1: 'PERSON' },
};

describe('config', () => {
  it('names the classes of the head', () => {
    const { model } = readConfig(bert, json);
    expect(model.kind === 'encoder' && model.parts.head?.labels).toEqual(['O', 'PERSON']);
  });

  it.each([
    ['relative positions', { position_embedding_type: 'relative_key' }, 'position_embedding_type'],
    ['a decoder', { is_decoder: true }, 'is_decoder'],
    ['heads that do not divide the width', { num_attention_heads: 5 }, 'hidden_size 12 must be a multiple'],
    ['an unknown activation', { hidden_act: 'sine' }, 'hidden_act must be one of gelu'],
    ['classes with a gap', { id2label: { 0: 'O', 2: 'PERSON' } }, 'id2label'],
    ['what it does not know', { window: 4 }, '"window" 4 is not understood'],
  ])('refuses %s', (_, change, message) => {
    expect(() => readConfig(bert, { ...json, ...change })).toThrow(message);
  });
});
