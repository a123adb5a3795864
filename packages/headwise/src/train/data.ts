import { readFileSync } from 'node:fs';
import type { Tokenizer } from '@headwise/models';
import { FormatError } from '@headwise/models';
import { type Batches, packedDocuments, reversal, type TokenBatch, tokenWindows } from '@headwise/training';
import type { DataConfig } from './config.ts';

/** Pieces before the bytes: unknown, begin, end. */
const FIRST_BYTE = 3;

/** What is trained on, what is looked at meanwhile, and what reads and writes its ids. */
export interface TrainingData {
  readonly train: Batches<TokenBatch>;
  readonly check: Batches<TokenBatch>;
  /** Ids that there must be. */
  readonly V: number;
  /** Tokens of a row. */
  readonly T: number;
  /** A vocabulary as `generate` reads it; absent where ids are no text. */
  readonly vocabulary: { readonly pieces: readonly string[]; readonly scores: readonly number[] } | undefined;
  /** A row to draw the attention of, and what its tokens are called. */
  readonly sample: { readonly ids: readonly number[]; readonly names: readonly string[] };
}

/**
 * @param tokenizer of a text; default its bytes
 * @throws {FormatError} if a text is too short for its rows, or the data are no texts to go on with.
 */
export function trainingData(
  config: DataConfig,
  B: number,
  seed: number,
  tokenizer?: Tokenizer,
): TrainingData {
  if (config.kind === 'examples')
    throw new FormatError('data', 'examples with labels are for an encoder, and the model is none');
  if (config.kind === 'reversal') return reversals(config, B, seed);
  return tokenizer ? tokensOfText(config, tokenizer, B, seed) : bytesOfText(config, B, seed);
}

function reversals(
  { length, symbols }: DataConfig & { readonly kind: 'reversal' },
  B: number,
  seed: number,
): TrainingData {
  const train = reversal({ length, symbols, B, seed });
  // other numbers than the training ever draws
  const check = reversal({ length, symbols, B, seed: (seed ^ 0x5bd1e995) >>> 0 });
  const ids = check.batch(0).ids[0]!;
  const names = ids.map((id) => (id === symbols ? '=' : String(id)));
  return { train, check, V: symbols + 1, T: 2 * length, vocabulary: undefined, sample: { ids, names } };
}

/** UTF-8, one id a byte: every text can be read and written. The last tenth is looked at, and not trained on. */
function bytesOfText(
  { file, length }: DataConfig & { readonly kind: 'text' },
  B: number,
  seed: number,
): TrainingData {
  const tokens = Uint16Array.from(readFileSync(file), (byte) => byte + FIRST_BYTE);
  const cut = Math.floor(tokens.length * 0.9);
  const parts = [tokens.subarray(0, cut), tokens.subarray(cut)] as const;
  if (parts[1].length < 2 * length)
    throw new FormatError(
      file,
      `it has ${tokens.length} bytes; rows of ${length} need at least ${20 * length}`,
    );
  const [train, check] = parts.map((part) => tokenWindows({ tokens: part, T: length, B, seed }));
  const pieces = ['<unk>', '\n<s>\n', '\n</s>\n'];
  for (let byte = 0; byte < 256; byte++)
    pieces.push(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const ids = check!.batch(0).ids[0]!.slice(0, 24);
  const names = ids.map((id) => String.fromCharCode(id - FIRST_BYTE).replace(/[^\x21-\x7e]/, '·'));
  return {
    train: train!,
    check: check!,
    V: FIRST_BYTE + 256,
    T: length,
    vocabulary: { pieces, scores: pieces.map(() => 0) },
    sample: { ids, names },
  };
}

/** By the tokenizer of a model; documents begin and end as it says, and do not see each other. */
function tokensOfText(
  { file, length, documents }: DataConfig & { readonly kind: 'text' },
  tokenizer: Tokenizer,
  B: number,
  seed: number,
): TrainingData {
  const whole = readFileSync(file, 'utf8');
  const texts =
    documents === undefined ? [whole] : whole.split(documents).filter((text) => text.trim() !== '');
  const end = tokenizer.eos === undefined || documents === undefined ? [] : [tokenizer.eos];
  const encoded = texts.map((text) => [...tokenizer.encode(text), ...end]);
  const of = (share: readonly (readonly number[])[], name: string): Batches<TokenBatch> => {
    const tokens = share.reduce((sum, { length: each }) => sum + each, 0);
    if (tokens < 2 * length)
      throw new FormatError(
        file,
        `${name} has ${tokens} tokens of ${texts.length} documents; rows of ${length} need at least ${2 * length}`,
      );
    return documents === undefined
      ? tokenWindows({ tokens: share[0]!, T: length, B, seed })
      : packedDocuments({ documents: share, T: length, B, seed });
  };
  const all = documents === undefined ? encoded[0]! : encoded;
  const cut = Math.floor(all.length * 0.9);
  const parts =
    documents === undefined
      ? [[encoded[0]!.slice(0, cut)], [encoded[0]!.slice(cut)]]
      : [encoded.slice(0, cut), encoded.slice(cut)];
  const check = of(parts[1]!, 'the tenth that is looked at');
  const ids = check.batch(0).ids[0]!.slice(0, 24);
  return {
    train: of(parts[0]!, 'what is trained on'),
    check,
    V: tokenizer.size,
    T: length,
    vocabulary: undefined,
    sample: { ids, names: ids.map((id) => tokenizer.piece(id).replace(/[^\x21-\x7e]/g, '·')) },
  };
}
