/** Control characters, terminal escapes, marks that turn or hide text, halves of a pair, breaks of a line. */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const utf8 = new TextEncoder();
const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Text that comes from a file, fit to be shown in an error or a terminal: what is not seen is written out
 * (`\u{1b}`, `\u{202e}`), and what is too long loses its middle. Never throws.
 *
 * @param most bytes that the result may take in UTF-8
 * @example
 * printable('\u001b[2J'); // \u{1b}[2J
 */
export function printable(text: string, most = 200): string {
  // no more is looked at than can be shown: a name of a file may be as long as the file
  if (text.length <= most) {
    const shown = [...text].map(written).join('');
    if (bytesOf(shown) <= most) return shown;
  }
  const room = most - 12;
  const head = take([...text.slice(0, room)], Math.ceil((room * 2) / 3));
  const tail = take([...text.slice(-room)].reverse(), Math.floor(room / 3)).reverse();
  return `${head.join('')} … ${tail.join('')}`;
}

/** The first characters, written out, that fit into `room` bytes. */
function take(characters: readonly string[], room: number): string[] {
  const taken: string[] = [];
  let left = room;
  for (const character of characters) {
    const shown = written(character);
    left -= bytesOf(shown);
    if (left < 0) break;
    taken.push(shown);
  }
  return taken;
}

function written(character: string): string {
  if (!hidden.test(character)) return character;
  return short[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

function bytesOf(text: string): number {
  return utf8.encode(text).length;
}
