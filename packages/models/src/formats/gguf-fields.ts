import type { GgufMetadata, GgufValue } from '../checkpoint.ts';
import { FormatError } from '../errors.ts';
import type { GgufTensor } from './gguf.ts';
import type { RowOrder } from './row-order.ts';

/** What llama.cpp refuses to do without. */
const needed = [
  'context_length',
  'embedding_length',
  'block_count',
  'feed_forward_length',
  'attention.head_count',
  'attention.layer_norm_rms_epsilon',
  'attention.layer_norm_epsilon',
];

/** How a tensor of a GGUF file becomes the one that Hugging Face's file has under its name. */
export interface Change {
  readonly order?: RowOrder;
  /** It is stored `[O, I]`, where Hugging Face has `[I, O]`. */
  readonly turned?: true;
  /** It is stored with 1 added. */
  readonly plusOne?: true;
}

/** Architecture-specific fields of a GGUF file, by their names without the architecture's. */
export class GgufFields {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly #metadata: GgufMetadata;
  readonly #read = new Set<string>();

  constructor(name: string, metadata: GgufMetadata, tensors: ReadonlyMap<string, GgufTensor>) {
    this.name = name;
    this.#metadata = metadata;
    this.tensors = tensors;
  }

  /** Integers, names and flags as they are; numbers that were decimal before they became f32 as such. */
  get(key: string): GgufValue | undefined {
    this.#read.add(`${this.name}.${key}`);
    const value = this.#metadata.get(`${this.name}.${key}`);
    return typeof value === 'number' ? shortest(value) : value;
  }

  number(key: string): number | undefined {
    const value = this.get(key);
    return typeof value === 'number' ? value : undefined;
  }

  /**
   * A size that is not said has no default in this format, though it may have one in a `config.json`.
   * @throws {FormatError} naming those that were asked for and are not there.
   */
  checkNeeded(): void {
    const missing = needed
      .map((key) => `${this.name}.${key}`)
      .filter((key) => this.#read.has(key) && !this.#metadata.has(key));
    if (missing.length > 0) throw new FormatError('GGUF', `${missing.join(', ')} must be said, and is not`);
  }

  /** Fields that nobody asked for, by their whole names: the family reports them. */
  get unread(): Readonly<Record<string, GgufValue>> {
    const own = [...this.#metadata].filter(
      ([key]) => key.startsWith(`${this.name}.`) && !this.#read.has(key),
    );
    return Object.fromEntries(own);
  }

  has(tensor: string): boolean {
    return this.tensors.has(tensor);
  }
}

/** An architecture of GGUF as Hugging Face names it. */
export interface GgufArchitecture {
  readonly modelType: (fields: GgufFields) => string;
  /** Fields of `config.json`; undefined ones are left out. */
  readonly config: (fields: GgufFields) => Readonly<Record<string, unknown>>;
  /**
   * Names of tensors without `.weight` and `.bias`, or with it, where the other file has none; `*` is the layer, `+` one of
   * the experts along the first axis. Of both halves of a model as `enc.blk.*.…` and `dec.blk.*.…`.
   */
  readonly names:
    | Readonly<Record<string, string>>
    | ((fields: GgufFields) => Readonly<Record<string, string>>);
  /** By the name in the file, without `blk.N.` */
  readonly changes?: (name: string, fields: GgufFields) => Change;
}

/** `9.999999747378752e-6` was 1e-5 once: the shortest decimal of the same f32. */
function shortest(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** Rows of the embedding table. Never throws. */
export function vocabulary(fields: GgufFields): unknown {
  return fields.get('vocab_size') ?? fields.tensors.get('token_embd.weight')?.shape[0];
}
