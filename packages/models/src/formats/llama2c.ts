import type { ByteSource, Checkpoint, TensorInfo } from '../checkpoint.ts';
import { FormatError } from '../errors.ts';
import { readerAt } from '../sources/byte-sources.ts';
import { hostTensor } from './host-tensor.ts';
import { halvesOfPairs, reordered } from './row-order.ts';

const FORMAT = 'llama2.c checkpoint';
const HEADER_BYTES = 28;
/** `ak42`, which begins the later versions of the format. */
const MAGIC = 0x616b3432;
/** llama2.c has these in its code, not in the file. */
const EPS = 1e-5;
const THETA = 10_000;
const STOP_IDS = [1, 2];
/** Ids and positions are exact up to here on every device. */
const MOST = 2 ** 24;
/** What `Config` of run.c calls the seven sizes. */
const fields = {
  E: 'dim',
  F: 'hidden_dim',
  layers: 'n_layers',
  H: 'n_heads',
  Hkv: 'n_kv_heads',
  V: 'vocab_size',
  context: 'seq_len',
} as const;

/** Those sizes, and whether the output projection is the embedding table. */
type Sizes = Readonly<Record<keyof typeof fields, number>> & { readonly tied: boolean };

/** Where a tensor stands; heads whose rows are pairs in the file. */
interface Place extends TensorInfo {
  readonly start: number;
  readonly heads?: number;
}

/**
 * llama2.c's original `.bin` (version 0) as a checkpoint of a Llama: seven int32 (width, inner width, layers, heads,
 * key/value heads, vocabulary, context; a negative vocabulary says that the output projection is not the embedding
 * table), then float32 weights, kind by kind for all layers. Numbers `(2i, 2i + 1)` of a head turn together in it; the
 * rows of queries and keys are handed out in Hugging Face's order, where `(i, i + D/2)` do.
 *
 * @param source closed with the checkpoint
 * @throws {FormatError} if the sizes make no model (by the names of run.c), or the file is longer or shorter than they
 * say.
 * @throws the reason of the signal once it is aborted.
 * @see `read_checkpoint` of karpathy/llama2.c, run.c
 */
export async function llama2cCheckpoint(source: ByteSource, signal?: AbortSignal): Promise<Checkpoint> {
  const sizes = readSizes(await source.read(0, Math.min(HEADER_BYTES, source.size), signal));
  const places = placesOf(sizes, source.size);
  return {
    name: source.name,
    format: 'llama2c',
    config: configOf(sizes),
    tensors: places,
    async read(name, options) {
      const place = places.get(name);
      if (!place) throw new FormatError(FORMAT, `there is no tensor "${name}"`);
      const { start, bytes: size, shape, heads } = place;
      const bytes = await source.read(start, start + size, options?.signal);
      const rows = heads ? reordered(bytes, shape[0]!, halvesOfPairs(heads)) : bytes;
      return hostTensor(name, 'F32', shape, rows);
    },
    reader(name) {
      const place = places.get(name);
      return place && !place.heads ? readerAt(source, place.start) : undefined;
    },
    close: () => source.close?.(),
  };
}

function configOf({ V, E, F, layers, H, Hkv, context, tied }: Sizes): object {
  return {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: V,
    hidden_size: E,
    intermediate_size: F,
    num_hidden_layers: layers,
    num_attention_heads: H,
    num_key_value_heads: Hkv,
    max_position_embeddings: context,
    rms_norm_eps: EPS,
    rope_theta: THETA,
    tie_word_embeddings: tied,
    bos_token_id: STOP_IDS[0],
    // a text ends where another one would begin
    eos_token_id: STOP_IDS,
  };
}

function placesOf(
  { V, E, F, layers, H, Hkv, context, tied }: Sizes,
  size: number,
): ReadonlyMap<string, Place> {
  const D = E / H;
  const tables = context * D; // cosines and sines, which the config says as well
  const perLayer = E * (2 * H * D + 2 * Hkv * D + 3 * F + 2);
  const numbers = V * E + layers * perLayer + E + tables + (tied ? 0 : V * E);
  // before a place is made: the header may claim any number of layers
  if (size !== HEADER_BYTES + 4 * numbers)
    throw new FormatError(
      FORMAT,
      `its header needs ${HEADER_BYTES + 4 * numbers} bytes, the file has ${size}`,
    );
  const places = new Map<string, Place>();
  let at = HEADER_BYTES;
  const take = (name: string, shape: readonly number[], heads?: number): void => {
    const bytes = 4 * shape.reduce((product, axis) => product * axis, 1);
    places.set(name, { dtype: 'F32', shape, bytes, start: at, ...(heads && { heads }) });
    at += bytes;
  };
  const takeAll = (part: string, shape: readonly number[], heads?: number): void => {
    for (let layer = 0; layer < layers; layer++) take(`model.layers.${layer}.${part}.weight`, shape, heads);
  };
  take('model.embed_tokens.weight', [V, E]);
  takeAll('input_layernorm', [E]);
  takeAll('self_attn.q_proj', [H * D, E], H);
  takeAll('self_attn.k_proj', [Hkv * D, E], Hkv);
  takeAll('self_attn.v_proj', [Hkv * D, E]);
  takeAll('self_attn.o_proj', [E, H * D]);
  takeAll('post_attention_layernorm', [E]);
  takeAll('mlp.gate_proj', [F, E]);
  takeAll('mlp.down_proj', [E, F]);
  takeAll('mlp.up_proj', [F, E]);
  take('model.norm.weight', [E]);
  at += 4 * tables;
  if (!tied) take('lm_head.weight', [V, E]);
  return places;
}

function readSizes(file: Uint8Array): Sizes {
  if (file.byteLength < HEADER_BYTES)
    throw new FormatError(
      FORMAT,
      `truncated: ${file.byteLength} bytes, the header alone takes ${HEADER_BYTES}`,
    );
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0, true) === MAGIC)
    throw new FormatError(
      FORMAT,
      'this is version 1 or later (it begins with ak42); only version 0 can be read',
    );
  const [E, F, layers, H, Hkv, signedV, context] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(4 * i, true),
  ) as [number, number, number, number, number, number, number];
  const V = Math.abs(signedV);
  const sizes = { E, F, layers, H, Hkv, V, context };
  for (const [name, size] of Object.entries(sizes))
    if (size < 1 || size > MOST)
      throw new FormatError(FORMAT, `${fields[name as keyof typeof fields]} = ${size} makes no model`);
  if (V <= Math.max(...STOP_IDS))
    throw new FormatError(
      FORMAT,
      `vocab_size = ${V} makes no model: the ids ${STOP_IDS.join(' and ')} end a text`,
    );
  if (E % H !== 0 || H % Hkv !== 0 || (E / H) % 2 !== 0)
    throw new FormatError(
      FORMAT,
      `dim = ${E}, n_heads = ${H}, n_kv_heads = ${Hkv} make no heads of even width in even groups`,
    );
  return { ...sizes, tied: signedV > 0 };
}
