import { printable } from '@headwise/tensor';

const marker = Symbol.for('@headwise/models/FormatError');

/** A message stays below 8 KB whatever a file says: so many details, and so many bytes of each. */
const MOST_DETAILS = 21;
const MOST_OF_A_LINE = 900;
const MOST_OF_A_DETAIL = 300;

/** A file is not what its format demands: a header that lies about its tensors, a model with the wrong ones. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly [marker] = true;
  /** `safetensors`, `llama config`, `llama2.c checkpoint`, … */
  readonly format: string;
  readonly problems: readonly string[];

  /** Shows names of a file so that nothing in them is hidden, and shortens what is long. Never throws. */
  constructor(format: string, problem: string, details: readonly string[] = []) {
    const line = printable(`${format}: ${problem}`, MOST_OF_A_LINE);
    const more = details.length - MOST_DETAILS;
    const listed = more > 0 ? [...details.slice(0, MOST_DETAILS - 1), `and ${more + 1} more`] : details;
    const shown = listed.map((detail) => printable(detail, MOST_OF_A_DETAIL));
    super([line, ...shown.map((detail) => `  - ${detail}`)].join('\n'));
    this.format = format;
    this.problems = shown.length > 0 ? shown : [printable(problem, MOST_OF_A_LINE)];
  }

  /** Like `instanceof`, but holds when two copies of this package (ESM and CommonJS) are loaded. Never throws. */
  static isInstance(error: unknown): error is FormatError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
