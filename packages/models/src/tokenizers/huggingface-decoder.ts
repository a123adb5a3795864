import { objectOf } from './huggingface-steps.ts';
import { byteOf, fromByteLetters } from './pieces.ts';

const utf8 = new TextEncoder();

/** The bytes that a piece adds to a text, asked in its order, once for each; `first` for the first of all. */
export type PieceBytes = (piece: string, first: boolean) => Uint8Array;

/**
 * Reads the `decoder` where its text comes piece by piece; undefined for those whose text is known only from what
 * follows. Never throws.
 */
export function readPieceBytes(decoder: unknown): PieceBytes | undefined {
  const json = objectOf(decoder);
  switch (json?.type) {
    case undefined:
      // as the library of Hugging Face: pieces with spaces between
      return (piece, first) => utf8.encode(first ? piece : ` ${piece}`);
    case 'ByteLevel':
      return fromByteLetters;
    case 'Metaspace': {
      const mark = String(json.replacement ?? '▁');
      const strips = json.prepend_scheme !== 'never' && json.add_prefix_space !== false;
      return (piece, first) => utf8.encode(spaced(piece, mark, first && strips));
    }
    case 'WordPiece':
      return wordPiece(String(json.prefix ?? '##'), json.cleanup !== false);
    case 'Sequence':
      return sequence(Array.isArray(json.decoders) ? json.decoders : []);
    default:
      return undefined;
  }
}

function spaced(piece: string, mark: string, strips: boolean): string {
  const text = piece.replaceAll(mark, ' ');
  return strips && text.startsWith(' ') ? text.slice(1) : text;
}

/** Llama's and Gemma's: a mark for a space, bytes as `<0xE2>`, perhaps one space less in front. */
function sequence(decoders: readonly unknown[]): PieceBytes | undefined {
  let mark: string | undefined;
  let bytes = false;
  let strips = false;
  for (const decoder of decoders) {
    const json = objectOf(decoder);
    const text = objectOf(json?.pattern)?.String;
    if (json?.type === 'Replace' && typeof text === 'string' && json.content === ' ' && mark === undefined)
      mark = text;
    else if (json?.type === 'ByteFallback') bytes = true;
    else if (json?.type === 'Strip' && json.content === ' ' && json.start === 1 && json.stop === 0)
      strips = true;
    else if (json?.type !== 'Fuse') return undefined;
  }
  return (piece, first) => {
    const byte = bytes ? byteOf(piece) : undefined;
    if (byte !== undefined) return Uint8Array.of(byte);
    return utf8.encode(spaced(piece, mark ?? '▁', first && strips));
  };
}

/** Spaces that English does not write. */
const tidy: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function wordPiece(prefix: string, cleanup: boolean): PieceBytes {
  return (piece, first) => {
    const goesOn = !first && piece.startsWith(prefix);
    const text = goesOn ? piece.slice(prefix.length) : first ? piece : ` ${piece}`;
    return utf8.encode(cleanup ? tidy.reduce((whole, [from, to]) => whole.replaceAll(from, to), text) : text);
  };
}
