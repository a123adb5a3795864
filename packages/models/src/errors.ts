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
