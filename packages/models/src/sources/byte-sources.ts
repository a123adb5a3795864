import type { ByteSource, TensorReader } from '../checkpoint.ts';
import { FormatError } from '../errors.ts';
import { bytesOf } from '../formats/json.ts';
import { fresh } from './fresh.ts';

const FORMAT = 'file';
/** What is asked for to learn the size. */
const FIRST_BYTES = 8;

/**
 * Bytes that are in memory. What is read is a view of them: do not change it.
 * @throws {FormatError} unless it is a Uint8Array.
 */
export function memorySource(bytes: Uint8Array, name = 'memory'): ByteSource {
  bytesOf(bytes, FORMAT);
  return {
    name,
    size: bytes.byteLength,
    async read(start, end, signal) {
      signal?.throwIfAborted();
      checkSpan(name, bytes.byteLength, start, end);
      return bytes.subarray(start, end);
    },
  };
}

/** A `File` or `Blob`, of which only what is asked for is read. Never throws. */
export function blobSource(blob: Blob, name = 'name' in blob ? String(blob.name) : 'blob'): ByteSource {
  return {
    name,
    size: blob.size,
    async read(start, end, signal) {
      signal?.throwIfAborted();
      checkSpan(name, blob.size, start, end);
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (error) {
        throw new FormatError(FORMAT, `${name} cannot be read: ${(error as Error).message}`);
      }
      signal?.throwIfAborted();
      return fresh(checkLength(name, bytes, start, end));
    },
  };
}

/** Several sources one after the other as one: a file that was cut into pieces of bytes. Never throws. */
export function joinedSource(name: string, pieces: readonly ByteSource[]): ByteSource {
  const size = pieces.reduce((sum, piece) => sum + piece.size, 0);
  return {
    name,
    size,
    async read(start, end, signal) {
      checkSpan(name, size, start, end);
      const bytes = new Uint8Array(end - start);
      let first = 0;
      for (const piece of pieces) {
        const from = Math.max(start, first);
        const to = Math.min(end, first + piece.size);
        if (from < to) bytes.set(await piece.read(from - first, to - first, signal), from - start);
        first += piece.size;
      }
      return bytes;
    },
    ...(pieces.every((piece) => piece.readInto) && {
      async readInto(start: number, target: Uint8Array, signal?: AbortSignal) {
        checkSpan(name, size, start, start + target.length);
        let first = 0;
        for (const piece of pieces) {
          const from = Math.max(start, first);
          const to = Math.min(start + target.length, first + piece.size);
          if (from < to)
            await piece.readInto!(from - first, target.subarray(from - start, to - start), signal);
          first += piece.size;
        }
      },
    }),
    close() {
      for (const piece of pieces) piece.close?.();
    },
  };
}

/** What reads bytes of a source into memory that is given, `from` on; undefined where it has no way to. Never throws. */
export function readerAt(source: ByteSource, from: number): TensorReader | undefined {
  if (!source.readInto) return undefined;
  return (start, target, signal) => source.readInto!(from + start, target, signal);
}

/** How a URL is read. */
export interface UrlOptions {
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default the global one. */
  readonly fetch?: typeof fetch | undefined;
}

/**
 * A file behind a URL, read by ranges: its server must answer `Range` with status 206 and the whole size.
 *
 * @returns undefined where the server says that there is none (404, 410)
 * @throws {FormatError} for any other answer.
 * @throws the reason of the signal once it is aborted.
 */
export async function urlSource(
  url: string | URL,
  options: UrlOptions = {},
): Promise<ByteSource | undefined> {
  const name = String(url);
  // not one byte: some servers (sirv) take an end of 0 for none
  const first = await askRange(name, 0, FIRST_BYTES, options);
  if (first.status === 404 || first.status === 410) {
    await first.body?.cancel();
    return undefined;
  }
  // of an empty file there is no first byte
  const empty = first.status === 416 && /^bytes \*\/0$/.test(first.headers.get('content-range') ?? '');
  const size = empty ? 0 : sizeIn(name, first, 0, FIRST_BYTES);
  const tag = first.headers.get('etag');
  await first.body?.cancel();
  return {
    name,
    size,
    async read(start, end, signal = options.signal) {
      checkSpan(name, size, start, end);
      if (start === end) return new Uint8Array(0);
      const answer = await askRange(name, start, end, { ...options, signal });
      const now = sizeIn(name, answer, start, end);
      if (now !== size || answer.headers.get('etag') !== tag)
        throw new FormatError(FORMAT, `${name} is another file than before: it changed while it was read`);
      try {
        return fresh(checkLength(name, new Uint8Array(await answer.arrayBuffer()), start, end));
      } catch (error) {
        signal?.throwIfAborted();
        if (FormatError.isInstance(error)) throw error;
        throw new FormatError(FORMAT, `${name} broke off: ${(error as Error).message}`);
      }
    },
  };
}

async function askRange(
  name: string,
  start: number,
  end: number,
  { signal, headers, fetch: ask = fetch }: UrlOptions,
): Promise<Response> {
  try {
    const range = { ...headers, range: `bytes=${start}-${end - 1}` };
    return await ask(name, { headers: range, ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? `${message} (${cause.message})` : message;
    throw new FormatError(FORMAT, `${name} cannot be reached: ${why}`);
  }
}

/** The whole size, from an answer that must be exactly the range. */
function sizeIn(name: string, answer: Response, start: number, end: number): number {
  const range = answer.headers.get('content-range');
  const bad = (problem: string): FormatError => {
    void answer.body?.cancel();
    return new FormatError(FORMAT, `${name} ${problem}`);
  };
  if (answer.status === 200)
    throw bad(
      'answers with the whole file: its server knows no ranges; give the file itself, or a server that does',
    );
  if (answer.status !== 206)
    throw bad(`answers bytes ${start} … ${end - 1} with status ${answer.status}, it must be 206`);
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range ?? '') ?? [];
  if (Number(first) !== start || Number(last) !== Math.min(end, Number(total)) - 1)
    throw bad(
      `answers bytes ${start} … ${end - 1} with Content-Range ${JSON.stringify(range)}, which must say them and the size`,
    );
  return Number(total);
}

/** @throws {FormatError} if the bytes are not all within the source. */
export function checkSpan(name: string, size: number, start: number, end: number): void {
  if (start >= 0 && start <= end && end <= size) return;
  throw new FormatError(FORMAT, `${name} has ${size} bytes, and bytes ${start} … ${end - 1} were asked for`);
}

/** @throws {FormatError} if fewer bytes came than were asked for. */
export function checkLength(name: string, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (bytes.byteLength === end - start) return bytes;
  const got = `${bytes.byteLength} of ${end - start} bytes from ${start} on`;
  throw new FormatError(FORMAT, `${name} gave ${got}: it is shorter than when it was opened`);
}
