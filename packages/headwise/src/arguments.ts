import type { Command } from 'cac';
import { UsageError } from './errors.ts';

/** Options as parsed: text where the option takes a value, `true` for a switch. */
export type Options = Readonly<Record<string, unknown>>;

/** In front of every value, so that the parser takes `007`, `1e3`, `-5` and the empty text as they are typed. */
const MARK = '\u0001';

/**
 * Binds values to their options before the parser sees them: `--prompt 007` → `--prompt=…007`, `--json x` →
 * `--json=true x`. The parser would turn number-like text into numbers and let a switch swallow a file name.
 *
 * @throws {UsageError} if a value is missing. A value that begins with `--` is given as `--prompt=--so`.
 */
export function protect(argv: readonly string[], commands: readonly Command[]): string[] {
  const known = commands.find((command) => command.name === argv[0])?.options ?? [];
  const out: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const [, flag, value] = /^(--[^=]+)(?:=([\s\S]*))?$/.exec(argv[i]!) ?? [];
    const option = known.find(({ name }) => name === camel(flag?.slice(2) ?? ''));
    if (!option || flag === undefined) out.push(argv[i]!);
    else if (option.isBoolean) {
      if (value !== undefined) throw new UsageError(`${flag} is a switch, it takes no value`);
      out.push(`${flag}=true`);
    } else {
      const given = value ?? argv[++i];
      if (given === undefined || (value === undefined && given.startsWith('--')))
        throw new UsageError(`${flag} needs a value`);
      out.push(`${flag}=${MARK}${given}`);
    }
  }
  return out;
}

/** The text of an option, or undefined where it was not given. */
export function text(options: Options, name: string): string | undefined {
  const value = options[camel(name)];
  if (value === undefined) return undefined;
  if (Array.isArray(value)) throw new UsageError(`--${name} is given ${value.length} times`);
  return String(value).replace(MARK, '');
}

/** A whole number, at least `least`. */
export function whole(options: Options, name: string, least: number): number | undefined {
  return numeric(
    options,
    name,
    (value) => Number.isSafeInteger(value) && value >= least,
    `a whole number ≥ ${least}`,
  );
}

/** A number in a range, said in words for the message. */
export function numeric(
  options: Options,
  name: string,
  allowed: (value: number) => boolean,
  rule: string,
): number | undefined {
  const given = text(options, name);
  if (given === undefined) return undefined;
  const value = given.trim() === '' ? Number.NaN : Number(given);
  if (!allowed(value)) throw new UsageError(`--${name} must be ${rule}, got "${given}"`);
  return value;
}

/** `1,403,407` → ids. */
export function ids(options: Options, name: string): number[] | undefined {
  const given = text(options, name);
  return given?.split(',').map((part) => {
    const value = part.trim() === '' ? Number.NaN : Number(part);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new UsageError(`--${name} must be whole numbers ≥ 0 with commas between, got "${given}"`);
  });
}

/** Whether a switch was given. */
export function isOn(options: Options, name: string): boolean {
  return options[camel(name)] === 'true' || options[camel(name)] === true;
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
