// This file stands twice, here and in the other of `tensor` and `sampling`, since neither may import anything;
// tooling/printable.test.ts holds the two to the same text.

/**
 * What a terminal or a viewer obeys instead of showing it: controls, among them the escape that begins terminal
 * commands, marks that turn the direction of writing (Unicode's Bidi_Control), separators of lines and paragraphs,
 * and halves of a surrogate pair. Line feed and tab are text.
 */
const obeyed = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Most bytes of UTF-8 of a message: under 8 KB even where a JSON document escapes each of its characters again. */
const LONGEST_MESSAGE = 3500;
/** Most bytes of one line of a message. */
const LONGEST_LINE = 1200;

/**
 * Text from a file or a model as it may be shown: what a terminal would obey is written as `\u001b`. Line feeds and
 * tabs stay. The same text again where nothing is to be done. Never throws.
 */
export function printable(text: string): string {
  return text.replace(obeyed, (char) => (char === '\n' || char === '\t' ? char : escaped(char)));
}

/** {@link printable} on one line, with the middle left out of what is very long. Never throws. */
export function oneLine(text: string): string {
  return bounded(text, LONGEST_LINE, (part) => part.replace(obeyed, escaped));
}

/**
 * An error's message from its lines, each of which may quote a file: {@link oneLine} each, under 4 KB together.
 * Never throws.
 */
export function messageOf(...lines: readonly string[]): string {
  return bounded(lines.map(oneLine).join('\n'), LONGEST_MESSAGE, (part) => part);
}

function escaped(char: string): string {
  if (char === '\n') return '\\n';
  return char === '\t' ? '\\t' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** At most `most` bytes: the beginning and the end, which tell more than the middle. */
function bounded(text: string, most: number, show: (part: string) => string): string {
  // what is shown is no shorter, so that nothing beyond these is seen; the whole may be a file long
  const [start, rest] = text.length > 2 * most ? [text.slice(0, most), text.slice(-most)] : [text, ''];
  const all = show(start + rest);
  if (rest === '' && bytesOf(all) <= most) return all;
  const note = ` … (${text.length} characters in all) … `;
  const room = Math.floor((most - note.length - 8) / 2);
  const points = [...all];
  return fill(points, room).join('') + note + fill(points.reverse(), room).reverse().join('');
}

/** As many code points from the start as fit into so many bytes. */
function fill(points: readonly string[], room: number): string[] {
  let used = 0;
  const end = points.findIndex((point) => (used += bytesOf(point)) > room);
  return points.slice(0, end < 0 ? points.length : end);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
