import { messageOf, printable } from '@headwise/tensor';

/**
 * One JSON document on a line of its own. Characters that a terminal would obey stand as `\u202e`, which a parser reads
 * back as they were.
 */
export function jsonLine(value: unknown): string {
  return `${printable(JSON.stringify(value))}\n`;
}

/** An error's message, of whatever class: its lines, none of which a terminal obeys, under 4 KB together. */
export function shownMessage(message: string): string {
  return messageOf(...message.split('\n'));
}
