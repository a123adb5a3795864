import { KnownError, messageOf, oneLine } from '@headwise/tensor';

/** A file is not what its format demands: a header that lies about its tensors, a model with the wrong ones. */
export class FormatError extends KnownError {
  static override readonly kind: string = '@headwise/models/FormatError';
  override readonly name = 'FormatError';
  /** `safetensors`, `llama config`, `llama2.c checkpoint`, … */
  readonly format: string;
  readonly problems: readonly string[];

  constructor(format: string, problem: string, details: readonly string[] = []) {
    super(messageOf(`${format}: ${problem}`, ...details.map((detail) => `  - ${detail}`)));
    this.format = format;
    this.problems = (details.length > 0 ? details : [problem]).map(oneLine);
  }
}
