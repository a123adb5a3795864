import { shown } from './json.ts';

/** Ids are exact up to here on every device, and no width of a model comes near. */
const MOST = 2 ** 24;

/**
 * Fields of a `config.json`, checked as they are read. What is wrong is collected by the name of its field and replaced
 * by a harmless value, so that one report has everything. `null` counts as absent.
 */
export class ConfigFields {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: string[] = [];
  readonly #wrong = new Set<string>();

  /** Never throws: of what is no object every field is missing. */
  constructor(values: unknown) {
    const isObject = typeof values === 'object' && values !== null && !Array.isArray(values);
    this.values = isObject ? (values as Readonly<Record<string, unknown>>) : {};
  }

  /** The value of the file itself, not one that every object inherits. */
  get(key: string): unknown {
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined && this.get(key) !== null;
  }

  /** Whether nothing was wrong with these fields. */
  sound(...keys: readonly string[]): boolean {
    return !keys.some((key) => this.#wrong.has(key));
  }

  count(key: string, fallback?: number, most = MOST): number {
    const value = this.get(key) ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      return this.#report(key, 'must be a whole number ≥ 1', 1);
    if ((value as number) > most) return this.#report(key, `must be at most ${most}`, 1);
    return value as number;
  }

  positive(key: string, fallback: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return this.#report(key, 'must be a number > 0', fallback);
  }

  flag(key: string): boolean {
    const value = this.get(key) ?? false;
    return typeof value === 'boolean' ? value : this.#report(key, 'must be true or false', false);
  }

  /** Only these values are supported; absent is the first of them. */
  only(key: string, ...allowed: readonly unknown[]): void {
    const value = this.get(key);
    if (!this.has(key) || allowed.includes(value)) return;
    this.problems.push(`${key} ${shown(value)} is not supported, only ${allowed.map(shown).join(', ')}`);
  }

  /** An id, several or none, of a vocabulary of `V`. */
  ids(key: string, V: number): readonly number[] {
    const ids = this.has(key) ? [this.get(key)].flat() : [];
    if (!ids.every((id) => Number.isSafeInteger(id) && (id as number) >= 0))
      return this.#report(key, 'must be an id or a list of ids', []);
    const outside = (ids as number[]).find((id) => id >= V);
    if (outside !== undefined && this.sound('vocab_size')) {
      this.problems.push(`${key} ${outside} must be below vocab_size ${V}`);
      return [];
    }
    return ids as number[];
  }

  #report<Value>(key: string, rule: string, instead: Value): Value {
    this.#wrong.add(key);
    this.problems.push(`${key} ${rule}, it is ${shown(this.get(key))}`);
    return instead;
  }
}
