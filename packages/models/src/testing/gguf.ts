import type { HostTensor } from '../formats/safetensors.ts';
import { checkpoint, json } from './checkpoint.ts';

/** Numbers of the types of metadata. */
const kinds = { u8: 0, u16: 2, u32: 4, i32: 5, f32: 6, bool: 7, text: 8, list: 9, u64: 10 } as const;
type Kind = keyof typeof kinds;

/** A value of metadata with its type; a list with the type of its entries. */
export type Value =
  | readonly [Exclude<Kind, 'list' | 'text'>, number | bigint]
  | readonly ['text', string]
  | readonly ['list', Exclude<Kind, 'list'>, readonly (number | string)[]];

/** A tensor as a GGUF file has it: sizes from the last axis to the first. */
export interface Tensor {
  readonly name: string;
  readonly sizes: readonly (number | bigint)[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Where its data stand, if not behind the ones before. */
  readonly offset?: number | bigint;
}

/** What a GGUF file is made of; counts where they are to lie. */
export interface Parts {
  readonly magic?: string;
  readonly version?: number;
  readonly metadata: readonly (readonly [string, Value])[];
  readonly tensors: readonly Tensor[];
  readonly tensorCount?: number | bigint;
  readonly keyCount?: number | bigint;
  readonly alignment?: number;
}

/** Bytes one behind the other. */
class Writer {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  number(kind: Kind, value: number | bigint): this {
    const view = new DataView(new ArrayBuffer(8));
    const width = { u8: 1, u16: 2, u32: 4, i32: 4, f32: 4, bool: 1, text: 8, list: 4, u64: 8 }[kind];
    if (kind === 'f32') view.setFloat32(0, Number(value), true);
    else view.setBigInt64(0, BigInt(value), true);
    return this.raw(new Uint8Array(view.buffer).subarray(0, width));
  }

  text(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.number('u64', bytes.length).raw(bytes);
  }

  value([kind, value, entries]: Value): this {
    this.number('u32', kinds[kind]);
    if (kind === 'list') {
      const of = value as Kind;
      this.number('u32', kinds[of]).number('u64', entries!.length);
      for (const entry of entries!) of === 'text' ? this.text(String(entry)) : this.number(of, Number(entry));
      return this;
    }
    return kind === 'text' ? this.text(value) : this.number(kind, value as number);
  }

  fill(multiple: number): this {
    while (this.length % multiple !== 0) this.#bytes.push(0);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** A GGUF file, also one that no writer would make. */
export function writeGguf({ magic = 'GGUF', version = 3, metadata, tensors, ...counts }: Parts): Uint8Array {
  const { tensorCount = tensors.length, keyCount = metadata.length, alignment = 32 } = counts;
  const out = new Writer().raw(new TextEncoder().encode(magic)).number('u32', version);
  out.number('u64', tensorCount).number('u64', keyCount);
  for (const [key, value] of metadata) out.text(key).value(value);
  let offset = 0;
  for (const tensor of tensors) {
    out.text(tensor.name).number('u32', tensor.sizes.length);
    for (const size of tensor.sizes) out.number('u64', size);
    out.number('u32', tensor.type).number('u64', tensor.offset ?? offset);
    offset += Math.ceil(tensor.bytes.length / alignment) * alignment;
  }
  out.fill(alignment);
  for (const { bytes } of tensors) out.raw(bytes).fill(alignment);
  return out.done();
}

/** The tiny Llama of `checkpoint.ts` as llama.cpp would write it, with rows of q and k in pairs. */
export function llamaGguf(tensors: ReadonlyMap<string, HostTensor> = checkpoint()): Parts {
  const D = json.hidden_size / json.num_attention_heads;
  const names: Readonly<Record<string, string>> = {
    'model.embed_tokens': 'token_embd',
    'model.norm': 'output_norm',
    lm_head: 'output',
    input_layernorm: 'attn_norm',
    'self_attn.q_proj': 'attn_q',
    'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v',
    'self_attn.o_proj': 'attn_output',
    post_attention_layernorm: 'ffn_norm',
    'mlp.gate_proj': 'ffn_gate',
    'mlp.up_proj': 'ffn_up',
    'mlp.down_proj': 'ffn_down',
  };
  return {
    metadata: [
      ['general.architecture', ['text', 'llama']],
      ['llama.block_count', ['u32', json.num_hidden_layers]],
      ['llama.context_length', ['u32', json.max_position_embeddings]],
      ['llama.embedding_length', ['u32', json.hidden_size]],
      ['llama.feed_forward_length', ['u32', json.intermediate_size]],
      ['llama.attention.head_count', ['u32', json.num_attention_heads]],
      ['llama.attention.head_count_kv', ['u32', json.num_key_value_heads]],
      ['llama.attention.layer_norm_rms_epsilon', ['f32', json.rms_norm_eps]],
      ['llama.rope.freq_base', ['f32', 10_000]],
      ['llama.vocab_size', ['u32', json.vocab_size]],
      ['tokenizer.ggml.model', ['text', 'llama']],
      ['tokenizer.ggml.tokens', ['list', 'text', Array.from({ length: 20 }, (_, id) => `piece ${id}`)]],
      ['tokenizer.ggml.scores', ['list', 'f32', Array.from({ length: 20 }, (_, id) => -id)]],
      ['tokenizer.ggml.bos_token_id', ['u32', 1]],
      ['tokenizer.ggml.eos_token_id', ['u32', 2]],
    ],
    tensors: [...tensors].map(([name, { shape, data }]) => {
      const [, layer, inLayer] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
      const stem = names[inLayer ?? name.replace(/\.weight$/, '')]!;
      const rows = /attn_[qk]$/.test(stem)
        ? inPairs(data as Float32Array, shape[0]!, D)
        : (data as Float32Array);
      return {
        name: `${layer === undefined ? '' : `blk.${layer}.`}${stem}.weight`,
        sizes: [...shape].reverse(),
        type: 0,
        bytes: new Uint8Array(Float32Array.from(rows).buffer),
      };
    }),
  };
}

function inPairs(x: Float32Array, rows: number, D: number): Float32Array {
  const width = x.length / rows;
  const y = new Float32Array(x.length);
  for (let row = 0; row < rows; row++) {
    const place = row % D;
    const from = row - place + (place % 2) * (D / 2) + Math.floor(place / 2);
    y.set(x.subarray(from * width, (from + 1) * width), row * width);
  }
  return y;
}
