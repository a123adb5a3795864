import type { Typed } from './written.ts';

/**
 * What was typed as a short text for a link: JSON, deflated, in the letters of base64url. The same text always gives the
 * same letters: a deflated stream has no date in it.
 *
 * @throws {Error} if the browser has no CompressionStream.
 */
export async function pack(typed: Typed): Promise<string> {
  const { name, score, mask, constants, causal, keep } = typed;
  const text = JSON.stringify([1, name, score, mask, constants, causal, keep]);
  const packed = await through(new TextEncoder().encode(text), new CompressionStream('deflate-raw'));
  return base64url(packed);
}

/** Most bytes that a link may unfold to: a few bytes of zeros can stand for gigabytes. */
const MOST = 100_000;

/** @throws {Error} if it is not what `pack` gives, in words for the visitor. */
export async function unpack(packed: string): Promise<Typed> {
  let fields: unknown;
  try {
    const bytes = await through(bytesOf(packed), new DecompressionStream('deflate-raw'));
    fields = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`The code in this link cannot be read, it may have been cut off: ${why}`);
  }
  const kinds = ['number', 'string', 'string', 'string', 'string', 'boolean', 'number'];
  const fits =
    Array.isArray(fields) &&
    fields.length === kinds.length &&
    fields.every((each, i) => typeof each === kinds[i]);
  if (!fits || (fields as unknown[])[0] !== 1)
    throw new Error('The code in this link was written by another version of this page.');
  const [, name, score, mask, constants, causal, keep] = fields as [
    number,
    string,
    string,
    string,
    string,
    boolean,
    number,
  ];
  return { name, score, mask, constants, causal, keep };
}

async function through(
  bytes: Uint8Array,
  { readable, writable }: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const writer = writable.getWriter();
  // what is wrong with the input is said by the reader
  void writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => {});
  void writer.close().catch(() => {});
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = (readable as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (length > MOST) {
      await reader.cancel();
      throw new Error(`it is longer than ${MOST} bytes`);
    }
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function base64url(bytes: Uint8Array): string {
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function bytesOf(text: string): Uint8Array {
  const letters = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}
