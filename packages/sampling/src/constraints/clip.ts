import { oneLine } from '../printable.ts';

const longest = 300;

/** A text of a schema or grammar as a message shows it: shortened, and what steers a terminal written out. */
export function clip(text: string): string {
  return oneLine(text.length > longest ? `${text.slice(0, longest / 2)}…${text.slice(-longest / 2)}` : text);
}
