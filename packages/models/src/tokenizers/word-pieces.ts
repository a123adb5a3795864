/** In front of a piece that begins a word, in GGUF files; a piece without it goes on. */
const BEGINS = '▁';
/** A longer word is unknown. */
const MOST_CHARACTERS = 100;

/** Ideographs, each of which is a word. */
const ideograph =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
/** Punctuation, and every sign of ASCII that is no letter or digit. */
const word = /[\p{P}$+<=>^`|~]|[^\p{White_Space}\p{P}$+<=>^`|~]+/gu;

/** A text as BERT cuts it: small letters without accents, signs and ideographs alone. Never throws. */
export function bertWords(text: string): string[] {
  const clean = text.replace(/[^\P{C}\t\n\r]|\ufffd/gu, '').replace(ideograph, ' $& ');
  const bare = clean.normalize('NFD').replace(/\p{Mn}/gu, '');
  // letter by letter: what a capital becomes does not hang on its neighbours
  return (
    Array.from(bare, (letter) => letter.toLowerCase())
      .join('')
      .match(word) ?? []
  );
}

/**
 * The longest pieces of a word from its beginning on; undefined where there is none for a place, or it is too long.
 *
 * @param longest letters of the longest piece
 * @see Wu et al. 2016, "Google's Neural Machine Translation System", section 4.1, {@link https://arxiv.org/abs/1609.08144}
 */
export function wordPieces(
  text: string,
  ids: ReadonlyMap<string, number>,
  longest: number,
): number[] | undefined {
  const letters = [...text];
  if (letters.length > MOST_CHARACTERS) return undefined;
  const found: number[] = [];
  for (let at = 0; at < letters.length; ) {
    let end = Math.min(letters.length, at + longest);
    let id: number | undefined;
    for (; end > at; end--) {
      id = ids.get(`${at === 0 ? BEGINS : ''}${letters.slice(at, end).join('')}`);
      if (id !== undefined) break;
    }
    if (id === undefined) return undefined;
    found.push(id);
    at = end;
  }
  return found;
}

/** A piece as it stands in a text: words apart, and no space before what ends a sentence or a part of it. Never throws. */
export function writtenPiece(piece: string): string {
  return piece.replace(new RegExp(`^${BEGINS}`, 'u'), ' ').replace(/^ ([.?!,])/, '$1');
}
