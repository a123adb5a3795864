import type { Family } from '../family.ts';
import {
  createClassifier,
  createPooler,
  createSpanFinder,
  createTokenClassifier,
} from '../heads/classifier.ts';
import type { Head } from '../heads/head.ts';
import { createMaskedLm } from '../heads/masked-lm.ts';
import { exactGelu } from '../parts/activations.ts';
import { createLayerNorm } from '../parts/norms.ts';
import type { WeightBuilder } from '../weight-sources.ts';
import { type BertSizes, bertNames, namedAsBert } from './bert-fields.ts';
import type { ConfigFields } from './config-fields.ts';
import { headOf } from './config-heads.ts';
import { labelsOf } from './config-labels.ts';

/** What an encoder of RoBERTa's kind was trained for, by the word that its architectures begin with. Never throws. */
export function robertaHead(fields: ConfigFields, name: string, { eps, tied }: BertSizes): Head | undefined {
  return headOf(fields, {
    [`${name}Model`]: createPooler,
    [`${name}ForMaskedLM`]: () =>
      createMaskedLm({ activation: exactGelu, norm: createLayerNorm({ eps }), tied }),
    [`${name}ForSequenceClassification`]: () => createClassifier({ labels: labelsOf(fields) }),
    [`${name}ForTokenClassification`]: () => createTokenClassifier({ labels: labelsOf(fields) }),
    [`${name}ForQuestionAnswering`]: createSpanFinder,
  });
}

/** The row of the first token: that after the row of padding. One that leaves no row is among the problems. */
export function firstRow(fields: ConfigFields, { shape, rows }: BertSizes): number {
  const pad = fields.has('pad_token_id') ? (fields.ids('pad_token_id', shape.V)[0] ?? 1) : 1;
  if (pad + 1 >= rows && fields.sound('max_position_embeddings', 'pad_token_id'))
    fields.problems.push(
      `max_position_embeddings ${rows} must be more than ${pad + 1}, the row of the first token`,
    );
  return pad + 1;
}

/**
 * Weights of an encoder whose files are named as RoBERTa's.
 *
 * @param model under which they stand in the file
 * @param more names of what differs
 */
export function robertaWeights(
  model: string,
  { tied, head }: { readonly tied: boolean; readonly head: Head | undefined },
  more: Readonly<Record<string, string>> = {},
): WeightBuilder {
  const dense = {
    'masked-lm': 'lm_head.dense',
    classifier: 'classifier.dense',
    pooler: `${model}.pooler.dense`,
  }[head?.name ?? 'pooler'];
  const spans = head?.labels?.[0] === 'start' ? 'qa_outputs' : 'classifier';
  const out = head?.name === 'classifier' ? 'classifier.out_proj' : spans;
  return namedAsBert(model, {
    ...bertNames(model),
    ...more,
    'head.dense': `${dense}.weight`,
    'head.dense.bias': `${dense}.bias`,
    'head.norm.{weight,bias}': 'lm_head.layer_norm.{}',
    'head.decoder': 'lm_head.decoder.weight',
    'head.bias': tied ? 'lm_head.bias' : 'lm_head.decoder.bias',
    'head.out': `${out}.weight`,
    'head.out.bias': `${out}.bias`,
  });
}

/** What such a file may hold twice, or for nothing: a pooler, a bias of an untied head, a buffer that counts. */
export function robertaExtras(model: string): Pick<Family, 'copies' | 'unused'> {
  return {
    copies: () => ({
      'lm_head.decoder.weight': `${model}.embeddings.word_embeddings.weight`,
      'lm_head.decoder.bias': 'lm_head.bias',
    }),
    unused: /^(\w+\.)?pooler\.|^lm_head\.bias$|embeddings\.position_ids$/,
  };
}
