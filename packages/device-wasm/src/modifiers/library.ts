import type { Modifier } from '@headwise/tensor';
import type { Engine } from '../engine.ts';
import { type CompiledModifiers, compileModifiers } from './compile.ts';
import { parse } from './dialect.ts';

/** A list of modifiers as functions in the table of the kernels. */
export interface Installed {
  /** Places in the table; 0 for none. */
  readonly score: number;
  readonly mask: number;
  readonly compiled: CompiledModifiers;
}

/** One module for one list of texts: constants are not part of it. They stay as long as the device. */
const libraries = new WeakMap<Engine, Map<string, Installed>>();

/**
 * The functions of a list of modifiers, compiled when it is first used.
 *
 * @throws {SyntaxError} if one leaves the dialect.
 */
export function installed(engine: Engine, modifiers: readonly Modifier[]): Installed {
  let library = libraries.get(engine);
  if (!library) libraries.set(engine, (library = new Map()));
  const key = JSON.stringify(
    modifiers.map(({ kind, source, constants = {} }) => [kind, source, Object.keys(constants)]),
  );
  const known = library.get(key);
  if (known) return known;
  const compiled = compileModifiers(modifiers, engine.isShared);
  const first = engine.extend(new WebAssembly.Module(compiled.bytes));
  const entry = {
    score: compiled.score ? first : 0,
    mask: compiled.mask ? first + (compiled.score ? 1 : 0) : 0,
    compiled,
  };
  library.set(key, entry);
  return entry;
}

const checked = new WeakMap<Modifier, readonly string[]>();

/** Why modifiers cannot be compiled; empty when they can. */
export function modifierReasons(modifiers: readonly Modifier[]): readonly string[] {
  return modifiers.flatMap((modifier) => {
    let reasons = checked.get(modifier);
    if (!reasons) checked.set(modifier, (reasons = reasonsOf(modifier)));
    return reasons;
  });
}

function reasonsOf(modifier: Modifier): readonly string[] {
  try {
    parse(modifier);
    return [];
  } catch (error) {
    const cure = 'scoreModifier and maskModifier of @headwise/attention-variants say what to write instead';
    return [
      `a ${modifier.kind} modifier leaves the portable dialect at ${(error as Error).message}: ${cure}`,
    ];
  }
}
