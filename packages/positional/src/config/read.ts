import { type Tensor, ValueError } from '@headwise/tensor';

/** What a Hugging Face `config.json` holds. */
export type HuggingFaceConfig = Readonly<Record<string, unknown>>;

/** What a configuration alone does not say. */
export interface ConfigOptions {
  /** For configurations whose layers differ: `full_attention`, `sliding_attention`. */
  readonly layerType?: string | undefined;
  /** T5: encoders see both ways, decoders only back. Default `decoder`. */
  readonly stack?: 'encoder' | 'decoder' | undefined;
  /** Fixes the length for encodings that depend on it (dynamic NTK, longrope); else they follow the sequence. */
  readonly length?: number | undefined;
  /** The trained table of a learned encoding or of T5's buckets. */
  readonly table?: Tensor | undefined;
}

/** The name errors lead with. */
export const OP = 'fromConfig';

/** A dictionary; lists and null are none. */
export function isDictionary(value: unknown): value is HuggingFaceConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The entry of that name; a name like `constructor`, which every object answers to, has none. */
export function entryOf<Entry>(
  record: Readonly<Record<string, Entry>>,
  name: string | undefined,
): Entry | undefined {
  return name !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Control characters and those that turn the direction of a line. */
const unprintable = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A name or value of a file as an error may show it: one line, printable, of bounded length. */
export function shown(text: string, most = 200): string {
  const cut = text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
  return cut.replaceAll(unprintable, (mark) => `\\u${mark.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}

function shownValue(value: unknown): unknown {
  if (typeof value === 'string') return shown(value);
  if (Array.isArray(value)) return value.length > 16 ? `${value.length} values` : value.map(shownValue);
  return value;
}

/** Fields of one dictionary of a configuration, checked as they are read. `null` counts as absent. */
export class Fields {
  readonly values: HuggingFaceConfig;
  /** How errors call the dictionary: `config`, `config.rope_scaling`. */
  readonly path: string;

  constructor(values: HuggingFaceConfig, path: string) {
    this.values = values;
    this.path = path;
  }

  /** What the file says, `null` included. */
  get(key: string): unknown {
    return entryOf(this.values, key);
  }

  has(key: string): boolean {
    return (this.get(key) ?? undefined) !== undefined;
  }

  /** The first of these fields that is there. @throws {ValueError} if it is not a finite number. */
  number(...keys: readonly string[]): number | undefined {
    return this.#first(keys, 'must be a finite number', Number.isFinite) as number | undefined;
  }

  /** @throws {ValueError} if it is not a finite number > 0. */
  positive(...keys: readonly string[]): number | undefined {
    const fits = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;
    return this.#first(keys, 'must be a finite number > 0', fits) as number | undefined;
  }

  /** @throws {ValueError} if it is not a whole number ≥ 1. */
  count(...keys: readonly string[]): number | undefined {
    const whole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;
    return this.#first(keys, 'must be a whole number ≥ 1', whole) as number | undefined;
  }

  /** @throws {ValueError} if it is not a string. */
  text(...keys: readonly string[]): string | undefined {
    return this.#first(keys, 'must be a string', (value) => typeof value === 'string') as string | undefined;
  }

  /** @throws {ValueError} if it is not a boolean. */
  flag(...keys: readonly string[]): boolean | undefined {
    return this.#first(keys, 'must be true or false', (value) => typeof value === 'boolean') as
      | boolean
      | undefined;
  }

  /** @throws {ValueError} with the rule if it is not a list, or one of its values does not fit. */
  list(key: string, rule: string, each: (value: unknown) => boolean): readonly unknown[] | undefined {
    const fits = (value: unknown): boolean => Array.isArray(value) && value.every(each);
    return this.#first([key], rule, fits) as readonly unknown[] | undefined;
  }

  /** @throws {ValueError} if it is not a list of finite numbers > 0. */
  positives(key: string): readonly number[] | undefined {
    const fits = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;
    return this.list(key, 'must be a list of numbers > 0', fits) as readonly number[] | undefined;
  }

  /** @throws {ValueError} if it is not a list of strings. */
  names(key: string): readonly string[] | undefined {
    return this.list(key, 'must be a list of names', (value) => typeof value === 'string') as
      | readonly string[]
      | undefined;
  }

  /** @throws {ValueError} if it is not a dictionary. */
  dictionary(key: string): Fields | undefined {
    const value = this.#first([key], 'must be a dictionary or null', isDictionary);
    return value === undefined
      ? undefined
      : new Fields(value as HuggingFaceConfig, `${this.path}.${shown(key, 60)}`);
  }

  /** @throws {ValueError} if the field is there and null, where that is no way to leave it out. */
  notNull(key: string, cure: string): void {
    if (this.get(key) === null) this.refuse(key, `must not be null: ${cure}`, null);
  }

  /** @throws {ValueError} saying that the field is missing, and what it is for. */
  missing(key: string, why: string): never {
    this.refuse(key, `is missing: ${why}`, 'no such field');
  }

  /** @throws {ValueError} always. */
  refuse(key: string, rule: string, got: unknown = this.get(key)): never {
    throw new ValueError(OP, `${this.path}.${shown(key, 60)}`, rule, shownValue(got));
  }

  #first(keys: readonly string[], rule: string, fits: (value: unknown) => boolean): unknown {
    const key = keys.find((name) => this.has(name));
    if (key === undefined) return undefined;
    const value = this.get(key);
    if (!fits(value)) this.refuse(key, rule, value);
    return value;
  }
}
