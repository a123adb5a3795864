import { messageOf, oneLine } from '@headwise/tensor';

const marker = Symbol.for('@headwise/models/FormatError');

/** A file is not what its format demands: a header that lies about its tensors, a model with the wrong ones. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly [marker] = true;
  /** `safetensors`, `llama config`, `llama2.c checkpoint`, … */
  readonly format: string;
  readonly problems: readonly string[];

  constructor(format: string, problem: string, details: readonly string[] = []) {
    super(messageOf(`${format}: ${problem}`, ...details.map((detail) => `  - ${detail}`)));
    this.format = format;
    this.problems = (details.length > 0 ? details : [problem]).map(oneLine);
  }

  /** Like `instanceof`, but holds when two copies of this package (ESM and CommonJS) are loaded. */
  static isInstance(error: unknown): error is FormatError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}

/** Twenty of many lines, and how many more there are. Never throws. */
export function atMost(lines: readonly string[], most = 20): readonly string[] {
  return lines.length > most ? [...lines.slice(0, most), `and ${lines.length - most} more`] : lines;
}

/**
 * Says which file a format complains about.
 * @throws {FormatError} what `read` throws, with the name of the file in front; other errors as they are.
 */
export async function inFile<Result>(name: string, read: () => Promise<Result> | Result): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!FormatError.isInstance(error)) throw error;
    if (error.message.includes(name)) throw error;
    const details = error.problems.length > 1 || error.message.includes('\n') ? error.problems : [];
    const [first = ''] = error.message.split('\n');
    throw new FormatError(name, first, details);
  }
}
