import type { Checkpoint, Tokenizer } from '@headwise/models';
import type { Pieces } from '@headwise/sampling';

/** A token as a person can see it: blanks and line ends by a sign, what stands for no text by its number. */
export function visible(piece: string | Uint8Array | null | undefined, id: number): string {
  if (piece === null || piece === undefined) return `⟨${id}⟩`;
  const text = typeof piece === 'string' ? piece : new TextDecoder().decode(piece);
  if (text === '' || text.includes('\ufffd')) return `⟨${id}⟩`;
  return text.replaceAll(' ', '␣').replaceAll('\n', '↵').replaceAll('\t', '⇥');
}

/** Special pieces of llama2.c come first, then the 256 bytes. */
const [FIRST_BYTE, BYTES] = [3, 256];

/** What each token adds to a text, in bytes; null where it is none. */
export function piecesOf({ tokenizer: source }: Pick<Checkpoint, 'tokenizer'>, tokenizer: Tokenizer): Pieces {
  if (source?.kind === 'llama2c')
    return source.vocabulary.pieces.map((piece, id) => {
      if (id < FIRST_BYTE) return null;
      return id < FIRST_BYTE + BYTES ? Uint8Array.of(id - FIRST_BYTE) : piece;
    });
  return Array.from({ length: tokenizer.size }, (_, id) => {
    const text = tokenizer.stream().push(id);
    return text === '' ? null : text;
  });
}
