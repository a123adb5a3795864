import type { Head } from '../heads/head.ts';
import type { ConfigFields } from './config-fields.ts';

/**
 * The head that the file's first architecture has: what it was trained for. A file that names none is the bare model.
 * Never throws.
 *
 * @param heads by the names under `architectures`; the first is that of the bare model
 */
export function headOf(
  fields: ConfigFields,
  heads: Readonly<Record<string, () => Head | undefined>>,
): Head | undefined {
  const [bare] = Object.keys(heads);
  const named = fields.get('architectures');
  const first: unknown = Array.isArray(named) ? (named[0] ?? bare) : bare;
  // an unknown one is reported where architectures are checked
  const architecture = typeof first === 'string' && Object.hasOwn(heads, first) ? first : bare!;
  return heads[architecture]!();
}
