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
  return inOrder(items);
}

export function choice(...options: readonly Expression[]): Expression {
  return oneOf(options);
}

/** {@link sequence} of a list, which may be too long for arguments. */
export function inOrder(items: readonly Expression[]): Expression {
  return items.length === 1 ? items[0]! : { kind: 'sequence', items };
}

/** {@link choice} of a list, which may be too long for arguments. */
export function oneOf(options: readonly Expression[]): Expression {
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
  return inOrder(Array.from(text, (char) => set([char.codePointAt(0)!, char.codePointAt(0)!])));
}

const surrogates: readonly Range[] = [[0xd800, 0xdfff]];
const allCodePoints: readonly Range[] = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** Ascending, without overlaps, and without surrogates, which no text has. */
export function normalize(ranges: readonly Range[]): Range[] {
  const merged: [number, number][] = [];
  const ascending = ranges.length > 1 ? [...ranges].sort((a, b) => a[0] - b[0]) : ranges;
  for (const [first, last] of ascending) {
    const top = merged.at(-1);
    if (top && first <= top[1] + 1) top[1] = Math.max(top[1], last);
    else if (first <= last) merged.push([first, last]);
  }
  return subtract(merged, surrogates);
}

/** All code points outside the ranges. */
export function complement(ranges: readonly Range[]): Range[] {
  return subtract(allCodePoints, normalize(ranges));
}

export function intersect(a: readonly Range[], b: readonly Range[]): Range[] {
  return overlap(normalize(a), normalize(b));
}

/** {@link intersect} of lists that are as {@link normalize} makes them. */
export function overlap(a: readonly Range[], b: readonly Range[]): Range[] {
  const shared: Range[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const first = Math.max(a[i]![0], b[j]![0]);
    const last = Math.min(a[i]![1], b[j]![1]);
    if (first <= last) shared.push([first, last]);
    if (a[i]![1] < b[j]![1]) i++;
    else j++;
  }
  return shared;
}

/** `ranges` without `minus`, both ascending and without overlaps. */
function subtract(ranges: readonly Range[], minus: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let j = 0;
  for (const [first, last] of ranges) {
    let from = first;
    while (j < minus.length && minus[j]![1] < from) j++;
    for (let k = j; k < minus.length && minus[k]![0] <= last; k++) {
      if (minus[k]![0] > from) rest.push([from, minus[k]![0] - 1]);
      from = minus[k]![1] + 1;
    }
    if (from <= last) rest.push([from, last]);
  }
  return rest;
}
