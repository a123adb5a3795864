import type { GgufTexts } from './formats/gguf-texts.ts';
import type { HostTensor, StoredTensor } from './formats/host-tensor.ts';
import type { Vocabulary } from './tokenizer.ts';

/** Bytes that are read in ranges: a file, a Blob, a URL, memory. */
export interface ByteSource {
  /** For messages: a path, the name of a `File`, a URL. */
  readonly name: string;
  readonly size: number;
  /**
   * The bytes `start … end − 1`; they may be a view of the source, and are not changed.
   * @throws {FormatError} if the source has fewer, or is no longer what it was when it was opened.
   * @throws the reason of the signal once it is aborted.
   */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Fills memory with the bytes from `start` on; absent where bytes come in memory of their own anyway. Once it has settled,
   * whatever came of it, nothing is written there any more.
   * @throws as `read` does.
   */
  readInto?(start: number, target: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Never throws. */
  close?(): void;
}

/** Fills memory with bytes of one tensor, from byte `start` of it on; as `ByteSource.readInto`. */
export type TensorReader = (start: number, target: Uint8Array, signal?: AbortSignal) => Promise<void>;

/** The files of one model, found by name: a folder, several `File`s of a page, what lies below a URL. */
export interface FileSet {
  /** For messages: a path or a URL. */
  readonly name: string;
  /** The file that was named, where one was and not a folder. */
  readonly main?: string | undefined;
  /** All of them; undefined where they cannot be listed (a URL), and files are tried by their usual names. */
  readonly names: readonly string[] | undefined;
  /** Undefined where there is no such file. @throws the error of its place, if there is none of that name. */
  open(name: string, signal?: AbortSignal): Promise<ByteSource | undefined>;
}

/** What a file says of one of its tensors. */
export interface TensorInfo {
  /** `F32`, `BF16`, `Q4_K`, … */
  readonly dtype: string;
  /** Row-major. `[]` is a scalar. */
  readonly shape: readonly number[];
  /** In the file. */
  readonly bytes: number;
  /** The file has this matrix on its side, in 16 bits or blocks, and it is handed out so (`StoredTensor.turned`). */
  readonly turned?: true | undefined;
}

/**
 * Metadata of a GGUF file. Integers are numbers where they are exact; arrays of numbers are typed arrays, arrays of more
 * than a thousand texts are `GgufTexts`.
 */
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** A value of it. */
export type GgufValue =
  | number
  | bigint
  | boolean
  | string
  | ArrayLike<number | bigint>
  | GgufTexts
  | readonly GgufValue[];

/** What a model's files say of its tokenizer. */
export type TokenizerSource =
  | {
      readonly kind: 'huggingface';
      /** `tokenizer.json`, read strictly. */
      readonly json: unknown;
      /** `tokenizer_config.json`, where there is one. */
      readonly config?: unknown;
    }
  | { readonly kind: 'gguf'; readonly metadata: GgufMetadata }
  | { readonly kind: 'llama2c'; readonly vocabulary: Vocabulary };

/** The files of one model: what it is, and its tensors, of which each is read when it is asked for. */
export interface Checkpoint {
  /** For messages. */
  readonly name: string;
  readonly format: 'safetensors' | 'gguf' | 'llama2c';
  /** `config.json`, or what the file says in that form. */
  readonly config: unknown;
  /** `generation_config.json`, where there is one. */
  readonly generationConfig?: unknown;
  /** Under the names of Hugging Face's files. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Of each tensor that ends beyond its file, where it does: `loadModel` lists them with all else that does not fit. */
  readonly problems?: readonly string[] | undefined;
  /**
   * Reads one tensor; nothing is kept.
   * @throws {FormatError} if there is none of that name, or its bytes are not what their type demands.
   * @throws the reason of the signal once it is aborted.
   */
  read(
    name: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<HostTensor | StoredTensor>;
  /**
   * What reads a tensor into memory that is given, in the bits and the order of its file; undefined where the source cannot,
   * or `read` hands out something else than these bytes. Never throws.
   */
  reader?(name: string): TensorReader | undefined;
  readonly tokenizer?: TokenizerSource | undefined;
  /** A template in Jinja, as text. */
  readonly chatTemplate?: string | undefined;
  /** Closes the files. Never throws. */
  close(): void;
}
