import { ValueError } from './errors.ts';

/**
 * Refuses arguments that were forgotten, and promises in their place. Types refuse them too; a program in plain JavaScript
 * has none, and would hear of a property of undefined somewhere below.
 *
 * @throws {ValueError} naming the first of them.
 * @example
 * checkGiven('attend', { q, k, v });
 */
export function checkGiven(op: string, args: Readonly<Record<string, unknown>>): void {
  for (const name in args) {
    const value = args[name];
    if (value === undefined || value === null) throw new ValueError(op, name, 'must be given', value);
    // what `createDevice` and its like give
    if (value instanceof Promise)
      throw new ValueError(op, name, 'must be awaited before it is given', 'a promise');
  }
}

/**
 * Refuses a call by name whose object was forgotten, or one of its fields.
 *
 * @throws {ValueError} naming the object, or the first field.
 */
export function checkFields(
  op: string,
  argument: string,
  value: unknown,
  fields: readonly string[] = [],
): void {
  if (typeof value !== 'object' || value === null) {
    const having = fields.length > 0 ? ` with ${fields.join(', ')}` : '';
    throw new ValueError(op, argument, `must be an object${having}`, value);
  }
  const given = value as Readonly<Record<string, unknown>>;
  checkGiven(op, Object.fromEntries(fields.map((field) => [field, given[field]])));
}

/**
 * Refuses a name that is none of those there are: types refuse it too, and a device would take it for another one.
 *
 * @throws {ValueError} naming the argument and all that it may be.
 */
export function checkKind(op: string, argument: string, kind: unknown, kinds: readonly string[]): void {
  if (!kinds.includes(kind as string))
    throw new ValueError(op, argument, `must be one of ${kinds.join(', ')}`, kind);
}
