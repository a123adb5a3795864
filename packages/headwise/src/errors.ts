/** The command was typed wrongly: printed with a pointer to its help, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
