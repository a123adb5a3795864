import { rotary } from '@headwise/positional';
import { FormatError } from '../errors.ts';
import { type LlamaConfig, llamaName } from '../llama.ts';
import { bytesOf } from './json.ts';
import type { HostTensor } from './safetensors.ts';

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

/** A llama2.c model. Pairs `(2i, 2i + 1)` of a head turn in it, where Hugging Face turns `(i, i + D/2)`. */
export interface Llama2c {
  readonly config: LlamaConfig;
  /** Under the names of `LlamaForCausalLM`. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/**
 * Reads llama2.c's original `.bin` (version 0): seven int32 (width, inner width, layers, heads, key/value heads,
 * vocabulary, context; a negative vocabulary says that the output projection is not the embedding table), then
 * float32 weights, kind by kind for all layers.
 *
 * @throws {FormatError} if the sizes make no model (by the names of run.c), or the file is longer or shorter than they
 * say.
 * @see `read_checkpoint` of karpathy/llama2.c, run.c
 */
export function readLlama2c(file: Uint8Array): Llama2c {
  const config = readHeader(bytesOf(file, FORMAT));
  const { V, E, F, H, Hkv, D, layers, context, tied } = config;
  const tensors = new Map<string, HostTensor>();
  const bytes = file.byteOffset % 4 === 0 ? file : file.slice();
  let at = HEADER_BYTES;
  const take = (name: string, shape: readonly number[]): void => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    const data = new Float32Array(bytes.buffer, bytes.byteOffset + at, size);
    tensors.set(llamaName(name), { dtype: 'F32', shape, data });
    at += 4 * size;
  };
  const takeAll = (part: string, shape: readonly number[]): void => {
    for (let layer = 0; layer < layers; layer++) take(`layers.${layer}.${part}`, shape);
  };

  const tables = context * D; // cosines and sines, which the config says as well
  const perLayer = E * (2 * H * D + 2 * Hkv * D + 3 * F + 2);
  const numbers = V * E + layers * perLayer + E + tables + (tied ? 0 : V * E);
  if (file.byteLength !== HEADER_BYTES + 4 * numbers)
    throw new FormatError(
      FORMAT,
      `its header needs ${HEADER_BYTES + 4 * numbers} bytes, the file has ${file.byteLength}`,
    );
  take('embed', [V, E]);
  takeAll('attentionNorm.weight', [E]);
  takeAll('attention.q', [H * D, E]);
  takeAll('attention.k', [Hkv * D, E]);
  takeAll('attention.v', [Hkv * D, E]);
  takeAll('attention.o', [E, H * D]);
  takeAll('mlpNorm.weight', [E]);
  takeAll('mlp.gate', [F, E]);
  takeAll('mlp.down', [E, F]);
  takeAll('mlp.up', [F, E]);
  take('norm.weight', [E]);
  at += 4 * tables;
  if (!tied) take('head', [V, E]);
  return { config, tensors };
}

function readHeader(file: Uint8Array): LlamaConfig {
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
  const position = rotary({ base: THETA, layout: 'interleaved' });
  return { ...sizes, D: E / H, tied: signedV > 0, eps: EPS, position, stopIds: STOP_IDS };
}
