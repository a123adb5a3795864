import { shown } from './json.ts';

/** Ids are exact up to here on every device, and no width of a model comes near. */
const MOST = 2 ** 24;

/** Far above every model there is, and little work: what a file says is looked at layer by layer. */
const MOST_LAYERS = 10_000;

/**
 * Fields of a `config.json`, checked as they are read. What is wrong is collected by the name of its field and replaced
 * by a harmless value, so that one report has everything. `null` counts as absent.
 */
export class ConfigFields {
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: string[] = [];
  readonly #wrong = new Set<string>();
  readonly #read = new Set<string>();

  /** Never throws: of what is no object every field is missing. */
  constructor(values: unknown) {
    const isObject = typeof values === 'object' && values !== null && !Array.isArray(values);
    this.values = isObject ? (values as Readonly<Record<string, unknown>>) : {};
  }

  /** The value of the file itself, not one that every object inherits. Never throws. */
  get(key: string): unknown {
    this.#read.add(key);
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  /** Never throws. */
  has(key: string): boolean {
    return this.get(key) !== undefined && this.get(key) !== null;
  }

  /** Whether nothing was wrong with these fields. Never throws. */
  sound(...keys: readonly string[]): boolean {
    return !keys.some((key) => this.#wrong.has(key));
  }

  /** Never throws. */
  count(key: string, fallback?: number, most = MOST): number {
    const value = this.get(key) ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      return this.#report(key, 'must be a whole number ≥ 1', 1);
    if ((value as number) > most) return this.#report(key, `must be at most ${most}`, 1);
    return value as number;
  }

  /** A number of layers. Never throws. */
  layers(key: string, fallback?: number): number {
    return this.count(key, fallback, MOST_LAYERS);
  }

  /** A count that may be absent. Never throws. */
  optionalCount(key: string, most = MOST): number | undefined {
    return this.has(key) ? this.count(key, undefined, most) : undefined;
  }

  /** Never throws. */
  positive(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return this.#report(key, 'must be a number > 0', fallback ?? 1);
  }

  /** What keeps a norm from dividing by nothing: from 1 on a model would say nothing else. Never throws. */
  epsilon(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'number' && value > 0 && value < 1) return value;
    return this.#report(key, 'must be a number > 0 and < 1', fallback ?? 1e-5);
  }

  /** A number > 0 that null switches off; absent is `otherwise`, where there is one. Never throws. */
  positiveOrNone(key: string, otherwise?: number): number | undefined {
    const value = this.get(key) === undefined ? otherwise : this.get(key);
    return value === undefined || value === null ? undefined : this.positive(key, otherwise);
  }

  /** Never throws. */
  flag(key: string, fallback = false): boolean {
    const value = this.get(key) ?? fallback;
    return typeof value === 'boolean' ? value : this.#report(key, 'must be true or false', fallback);
  }

  /** One of several names, each with what it means; absent is `fallback`, where there is one. Never throws. */
  oneOf<Meaning>(key: string, meanings: Readonly<Record<string, Meaning>>, fallback?: string): Meaning {
    const value = this.get(key) ?? fallback;
    if (typeof value === 'string' && Object.hasOwn(meanings, value)) return meanings[value]!;
    const known = Object.keys(meanings);
    return this.#report(key, `must be one of ${known.join(', ')}`, meanings[known[0]!]!);
  }

  /** A list with one entry for each of `length` layers, or undefined where the file has none. Never throws. */
  each<Value>(key: string, length: number, allowed: readonly Value[]): readonly Value[] | undefined {
    if (!this.has(key)) return undefined;
    const list = this.get(key);
    if (Array.isArray(list) && list.length === length && list.every((entry) => allowed.includes(entry)))
      return list;
    const rule = `must be a list of ${length}, one a layer, of ${allowed.map(shown).join(', ')}`;
    return this.#report(key, rule, Array<Value>(length).fill(allowed[0]!));
  }

  /** These say nothing about what the model computes from ids, or are read elsewhere: they may stand in the file. Never throws. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** Names of the file that nobody asked for, with what is more than null. */
  get unread(): readonly string[] {
    return Object.keys(this.values).filter((key) => !this.#read.has(key) && this.values[key] !== null);
  }

  /** Only these values are supported; absent is the first of them. Never throws. */
  only(key: string, ...allowed: readonly unknown[]): void {
    const value = this.get(key);
    if (!this.has(key) || allowed.includes(value)) return;
    this.problems.push(`${key} ${shown(value)} is not supported, only ${allowed.map(shown).join(', ')}`);
  }

  /** An id, several or none, of a vocabulary of `V`. Never throws. */
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
