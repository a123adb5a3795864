import type { Arrangement } from '../arrangements/arrangement.ts';
import { parallel, parallelOneNorm } from '../arrangements/parallel.ts';
import { preNorm } from '../arrangements/pre-norm.ts';
import type { ConfigFields } from './config-fields.ts';

/** The orders of a block, with the file's names of the norms. */
const orders = {
  twoNorms: { arrange: parallel, norms: { attentionNorm: 'ln_attn', mlpNorm: 'ln_mlp' } },
  oneNorm: { arrange: parallelOneNorm, norms: { norm: 'input_layernorm' } },
  inSequence: {
    arrange: preNorm,
    norms: { attentionNorm: 'input_layernorm', mlpNorm: 'post_attention_layernorm' },
  },
};

/** What differs between the forms of a Falcon. */
interface Form {
  readonly order: { readonly arrange: Arrangement; readonly norms: Readonly<Record<string, string>> };
  /** Key and value heads. */
  readonly Hkv: number;
}

/** By what the file says of its form; what contradicts itself is among the problems. Never throws. */
export function formOf(fields: ConfigFields, H: number): Form {
  const isNew = fields.flag('new_decoder_architecture');
  if (!isNew && !fields.flag('parallel_attn', true)) {
    fields.ignore('num_ln_in_parallel_attn', 'num_kv_heads');
    return { order: orders.inSequence, Hkv: fields.flag('multi_query', true) ? 1 : H };
  }
  fields.only('parallel_attn', true);
  fields.only('num_ln_in_parallel_attn', ...(isNew ? [2, 1] : [1]));
  const order = isNew && fields.get('num_ln_in_parallel_attn') !== 1 ? orders.twoNorms : orders.oneNorm;
  // each form leaves one of these two unread
  fields.ignore('multi_query', 'num_kv_heads');
  if (isNew) return { order, Hkv: fields.count('num_kv_heads', H) };
  return { order, Hkv: fields.flag('multi_query', true) ? 1 : H };
}
