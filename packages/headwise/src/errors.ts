import { KnownError } from '@headwise/tensor';

/** The command was typed wrongly: printed with a pointer to its help, exit code 2. */
export class UsageError extends KnownError {
  static override readonly kind: string = 'headwise/UsageError';
  override readonly name = 'UsageError';
}
