import type { Device } from '@headwise/tensor';
import { seededValues } from '@headwise/tensor/testing';
import type { Decoder } from '../decoder.ts';
import { llama } from '../families/llama.ts';
import { createModel, modelParameters, readConfig } from '../family.ts';
import type { HostTensor } from '../formats/safetensors.ts';

/** A Llama of 2 layers and 20 ids, as files would hold it. */
export const json = {
  model_type: 'llama',
  vocab_size: 20,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 32,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: [2, 3],
};

/** Random values under the names of its files. */
export function checkpoint(config: object = json): Map<string, HostTensor> {
  const read = readConfig(llama, config);
  const wanted = modelParameters(read.model);
  // each weight of a Llama is one tensor
  const sources = llama.weights(read.config)(
    (name) => ({ files: [name], shape: undefined, numbers: () => new Float32Array() }),
    wanted,
  );
  return new Map(
    Object.entries(wanted).map(([name, shape], i) => {
      const size = shape.reduce((product, axis) => product * axis, 1);
      return [sources[name]!.files[0]!, { dtype: 'F32', shape, data: seededValues(size, i) }];
    }),
  );
}

/** In each layer one tensor `mlp.both` instead of the two of the gate, one under the other. */
export function joinGates(tensors: Map<string, HostTensor>): void {
  const { hidden_size: E, intermediate_size: F } = json;
  for (const layer of [0, 1]) {
    const both = ['gate', 'up'].map((which) => {
      const name = `model.layers.${layer}.mlp.${which}_proj.weight`;
      const { data } = tensors.get(name)!;
      tensors.delete(name);
      return [...(data as Float32Array)];
    });
    const data = Float32Array.from(both.flat());
    tensors.set(`model.layers.${layer}.mlp.both`, { dtype: 'F32', shape: [2 * F, E], data });
  }
}

/** A Llama of such files. */
export function llamaOf(
  device: Device,
  config: unknown = json,
  tensors: ReadonlyMap<string, HostTensor> = checkpoint(),
): Decoder {
  return createModel(device, llama, config, tensors).model as Decoder;
}

/** The same model as llama2.c stores it: rows of q and k from halves to pairs, kind by kind. */
export function toLlama2c(tensors: ReadonlyMap<string, HostTensor>, tied: boolean): Uint8Array {
  const { hidden_size: E, intermediate_size: F, num_hidden_layers: layers, vocab_size: V } = json;
  const { num_attention_heads: H, num_key_value_heads: Hkv, max_position_embeddings: context } = json;
  const D = E / H;
  const values: number[] = [];
  const put = (name: string): void => {
    values.push(...(tensors.get(name)!.data as Float32Array));
  };
  const inPairs = (name: string): void => {
    const { data, shape } = tensors.get(name)!;
    for (let row = 0; row < shape[0]!; row++) {
      const [head, place] = [Math.floor(row / D), row % D];
      const from = head * D + (place % 2) * (D / 2) + Math.floor(place / 2);
      values.push(...(data as Float32Array).subarray(from * E, (from + 1) * E));
    }
  };
  const each = (part: string, write = put): void => {
    for (let layer = 0; layer < layers; layer++) write(`model.layers.${layer}.${part}.weight`);
  };
  put('model.embed_tokens.weight');
  each('input_layernorm');
  each('self_attn.q_proj', inPairs);
  each('self_attn.k_proj', inPairs);
  each('self_attn.v_proj');
  each('self_attn.o_proj');
  each('post_attention_layernorm');
  each('mlp.gate_proj');
  each('mlp.down_proj');
  each('mlp.up_proj');
  put('model.norm.weight');
  values.push(...Array(context * D).fill(0.5));
  if (!tied) put('lm_head.weight');
  const header = Int32Array.of(E, F, layers, H, Hkv, tied ? V : -V, context);
  return Uint8Array.of(...new Uint8Array(header.buffer), ...new Uint8Array(Float32Array.from(values).buffer));
}
