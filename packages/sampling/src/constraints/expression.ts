/** Inclusive range of Unicode code points. */
export type Range = readonly [first: number, last: number];

/** What regular expressions, GBNF grammars and JSON schemas are all turned into. */
export type Expression =
  | { readonly kind: 'set'; readonly ranges: readonly Range[] }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly item: Expression; readonly min: number; readonly max: number }
  | { readonly kind: 'rule'; readonly name: string };

/** Named rules; `root` is what the whole text must match. */
export interface Grammar {
  readonly root: string;
  readonly rules: ReadonlyMap<string, Expression>;
}

export const empty: Expression = { kind: 'sequence', items: [] };

export function sequence(...items: readonly Expression[]): Expression {
  return items.length === 1 ? items[0]! : { kind: 'sequence', items };
}

export function choice(...options: readonly Expression[]): Expression {
  return options.length === 1 ? options[0]! : { kind: 'choice', options };
}

export function repeat(item: Expression, min: number, max = Infinity): Expression {
  return { kind: 'repeat', item, min, max };
}

export function optional(item: Expression): Expression {
  return repeat(item, 0, 1);
}

export function set(...ranges: readonly Range[]): Expression {
  return { kind: 'set', ranges };
}

export function rule(name: string): Expression {
  return { kind: 'rule', name };
}

/** Exactly this text. */
export function literal(text: string): Expression {
  return sequence(...Array.from(text, (char) => set([char.codePointAt(0)!, char.codePointAt(0)!])));
}

const lastCodePoint = 0x10ffff;

/** Ascending, without overlaps, and without surrogates, which no text has. */
export function normalize(ranges: readonly Range[]): Range[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const top = merged.at(-1);
    if (top && first <= top[1] + 1) top[1] = Math.max(top[1], last);
    else if (first <= last) merged.push([first, last]);
  }
  return subtract(merged, [[0xd800, 0xdfff]]);
}

/** All code points outside the ranges. */
export function complement(ranges: readonly Range[]): Range[] {
  return normalize(subtract([[0, lastCodePoint]], ranges));
}

export function intersect(a: readonly Range[], b: readonly Range[]): Range[] {
  return subtract(a, complement(b));
}

function subtract(ranges: readonly Range[], minus: readonly Range[]): Range[] {
  let rest: Range[] = [...ranges];
  for (const [first, last] of minus) {
    rest = rest.flatMap(([from, to]): Range[] => {
      if (last < from || first > to) return [[from, to]];
      const parts: Range[] = [];
      if (from < first) parts.push([from, first - 1]);
      if (to > last) parts.push([last + 1, to]);
      return parts;
    });
  }
  return rest;
}
