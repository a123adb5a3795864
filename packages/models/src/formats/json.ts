import { FormatError } from '../errors.ts';

/** Far above what any file needs; what reads it may call itself for each. */
const MOST_NESTING = 200;
/** Begins the few lines that Git LFS puts in the place of a large file. */
const POINTER = 'version https://git-lfs';

/**
 * The value of a JSON file, strictly: UTF-8 without a byte order mark, and no name twice in one object (`JSON.parse`
 * keeps the last silently, which would make one of two tensors or settings of a name disappear).
 *
 * @param content the bytes of the file, or its text
 * @param format what the file is, for the error: `config`, `vocabulary`
 * @throws {FormatError} naming what is not so.
 */
export function readJson(content: Uint8Array | string, format: string): unknown {
  return parseJson(content, format).value;
}

/**
 * The value, and the names of the outermost object in the order of the text: in `value` those that are whole numbers come
 * first.
 *
 * @param part what of the file it is, for the error: `the header`; the whole of it where left out
 * @throws {FormatError} as `readJson`.
 */
export function parseJson(
  content: Uint8Array | string,
  format: string,
  part?: string,
): { readonly value: unknown; readonly text: string; readonly names: readonly string[] } {
  const it = part ?? 'it';
  const text = textOf(content, format, it);
  if (text.startsWith('\ufeff'))
    throw new FormatError(format, `${it} begins with a byte order mark; save it as UTF-8 without one`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FormatError(format, `${part ? `${part} is ` : ''}not JSON: ${(error as Error).message}`);
  }
  const { names, twice, depth } = namesOf(text);
  if (depth > MOST_NESTING)
    throw new FormatError(
      format,
      `${it} is nested ${depth} deep or more, at most ${MOST_NESTING} is allowed`,
    );
  if (twice !== undefined)
    throw new FormatError(format, `"${twice}" stands twice in ${part ?? 'one object'}`);
  return { value, text, names };
}

function textOf(content: unknown, format: string, it: string): string {
  if (typeof content === 'string') return content;
  if (kindOf(content) === 'Uint8Array') checkDownloaded(content as Uint8Array, format);
  try {
    // the mark is kept, to be seen
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(content, format));
  } catch (error) {
    if (FormatError.isInstance(error)) throw error;
    throw new FormatError(format, `${it} is not UTF-8`);
  }
}

/**
 * A folder that was cloned without Git LFS has a few lines in the place of each large file.
 * @param bytes the first of a file
 * @throws {FormatError} if they are such lines, with the cure.
 */
export function checkDownloaded(bytes: Uint8Array, format: string): void {
  // what comes in ranges may be no more than the beginning of these words
  const start = new TextDecoder().decode(bytes.subarray(0, POINTER.length));
  if (start.length >= 8 && POINTER.startsWith(start))
    throw new FormatError(
      format,
      'it is a pointer of Git LFS: the file itself was not downloaded (git lfs pull)',
    );
}

/** @throws {FormatError} unless it is bytes. */
export function bytesOf(content: unknown, format: string): Uint8Array {
  if (kindOf(content) === 'Uint8Array') return content as Uint8Array;
  const got = content === null ? 'null' : typeof content;
  throw new FormatError(format, `its content must be a Uint8Array, it is ${got}`);
}

/** `Uint8Array`, also of another realm and of a class made from it. Never throws. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** A value of a file in an error: as it stands there where it is plain, else its kind. Never throws. */
export function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    const list = Array.isArray(value) ? value : undefined;
    if (list?.every((item) => typeof item !== 'object' || item === null) && list.length <= 20)
      return `[${list.map(shown).join(',')}]`;
    return list ? `a list of ${list.length}` : 'an object';
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** Names of the outermost object of valid JSON text, the first that stands twice in any, and how deep it is nested. */
function namesOf(json: string): {
  readonly names: readonly string[];
  readonly twice: string | undefined;
  readonly depth: number;
} {
  const names: string[] = [];
  let depth = 0;
  const colon = /\s*:/y;
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at]!;
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(undefined);
    else if (char === '}' || char === ']') {
      depth = Math.max(depth, open.length);
      if (depth > MOST_NESTING) break;
      open.pop();
    } else if (char === '"') {
      const start = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
      const keys = open.at(-1);
      colon.lastIndex = at + 1;
      if (!keys || !colon.test(json)) continue;
      const key = JSON.parse(json.slice(start, at + 1)) as string;
      if (keys.has(key)) return { names, twice: key, depth };
      keys.add(key);
      if (open.length === 1) names.push(key);
    }
  }
  return { names, twice: undefined, depth };
}
