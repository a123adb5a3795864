import type { Modifier } from '@headwise/tensor';
import type { Node } from 'acorn';
import { mathCalls } from './ast.ts';
import { parseModifier } from './dialect.ts';

/** The new score of query position `q` and key position `k`, in sequence `b` and query head `h`. */
export type ScoreFunction = (s: number, b: number, h: number, q: number, k: number) => number;

/** 1 where query position `q` may see key position `k`, 0 where not. */
export type MaskFunction = (b: number, h: number, q: number, k: number) => number;

/** Names that the modifier uses beside its parameters. */
export type Constants = Readonly<Record<string, number>>;

/**
 * A score modifier from a function or its source text, checked.
 *
 * Source text works everywhere. A function is read back as text, which a minifier or a coverage tool may have
 * rewritten: `freezeModifiers` (`/build`) turns functions into text while you build.
 *
 * @example
 * const alibi = scoreModifier('function (s, b, h, q, k) { return s - slope * (q - k); }', { slope: 0.5 });
 *
 * @throws {ModifierError} with the place and the cure, if it leaves the dialect.
 */
export function scoreModifier(score: ScoreFunction | string, constants?: Constants): Modifier {
  return checked({ kind: 'score', source: textOf(score), ...(constants && { constants }) });
}

/**
 * A mask modifier from a function or its source text, checked.
 *
 * @example
 * const causal = maskModifier('function (b, h, q, k) { return k <= q ? 1 : 0; }');
 *
 * @throws {ModifierError} with the place and the cure, if it leaves the dialect.
 */
export function maskModifier(mask: MaskFunction | string, constants?: Constants): Modifier {
  return checked({ kind: 'mask', source: textOf(mask), ...(constants && { constants }) });
}

function checked(modifier: Modifier): Modifier {
  const { body } = parseModifier(modifier);
  return { ...modifier, source: clampTanh(modifier.source, body) };
}

/** tanh of 50 is NaN on GPUs; from 20 on it is 1 to the last bit of a float64, so the argument is cut off there. */
function clampTanh(source: string, body: readonly Node[]): string {
  const edits = mathCalls(body, 'tanh').flatMap(({ arguments: [argument] }) => [
    { at: argument!.start, text: 'Math.max(-20, Math.min(20, ' },
    { at: argument!.end, text: '))' },
  ]);
  let text = source;
  for (const { at, text: added } of edits.sort((a, b) => b.at - a.at))
    text = text.slice(0, at) + added + text.slice(at);
  return text;
}

function textOf(fn: ScoreFunction | MaskFunction | string): string {
  return typeof fn === 'string' ? fn.trim() : String(fn);
}
