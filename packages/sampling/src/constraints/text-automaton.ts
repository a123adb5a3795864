import { complement, type Expression, normalize, overlap, type Range } from './expression.ts';

/** Where a text automaton goes with one of these code points. */
export type Move = readonly [ranges: readonly Range[], next: number];

/**
 * A deterministic automaton over code points, made as far as it is looked at. State 0 is the first; code points
 * without a move lead nowhere.
 */
export interface TextAutomaton {
  accepts(state: number): boolean;
  moves(state: number): readonly Move[];
}

/** Thrown where an automaton would have more states than allowed; the caller says which keyword is to blame. */
export class TooLarge extends Error {}

/** More states than any pattern a person wrote, and still a second of work. */
export const mostTextStates = 20_000;

const everything: readonly Range[] = complement([]);

/** All texts of these lengths in code points. */
export function lengthAutomaton(min: number, max: number): TextAutomaton {
  const top = max === Infinity ? min : max;
  return {
    accepts: (state) => state >= min,
    moves: (state) => (state < top ? [[everything, state + 1]] : max === Infinity ? [[everything, top]] : []),
  };
}

/** Exactly these words. */
export function wordsAutomaton(words: Iterable<string>): TextAutomaton {
  const states: { accepts: boolean; readonly next: Map<number, number> }[] = [
    { accepts: false, next: new Map() },
  ];
  for (const word of words) {
    let at = 0;
    for (const char of word) {
      const point = char.codePointAt(0)!;
      let next = states[at]!.next.get(point);
      if (next === undefined) {
        next = states.push({ accepts: false, next: new Map() }) - 1;
        states[at]!.next.set(point, next);
      }
      at = next;
    }
    states[at]!.accepts = true;
  }
  return {
    accepts: (state) => states[state]!.accepts,
    moves: (state) => [...states[state]!.next].map(([point, next]): Move => [[[point, point]], next]),
  };
}

/** All texts that another automaton does not take. */
export function complementAutomaton(other: TextAutomaton): TextAutomaton {
  // state 0 of the other is 0 here, its state s is s + 1, and 1 is where it leads nowhere
  const here = (state: number) => (state === 0 ? 0 : state + 1);
  const there = (state: number) => (state === 0 ? 0 : state - 1);
  return {
    accepts: (state) => state === 1 || !other.accepts(there(state)),
    moves(state) {
      if (state === 1) return [[everything, 1]];
      const moves = other.moves(there(state));
      const rest = complement(moves.flatMap(([ranges]) => ranges));
      const kept = moves.map(([ranges, next]): Move => [ranges, here(next)]);
      return rest.length > 0 ? [...kept, [rest, 1]] : kept;
    },
  };
}

/** The texts all of them take, without states from which nothing can be completed; undefined if there is none. */
export function intersectAutomata(automata: readonly TextAutomaton[]): TextAutomaton | undefined {
  const numbers = new Map<string, number>();
  const tuples: (readonly number[])[] = [];
  const number = (tuple: readonly number[]): number => {
    const key = tuple.join(',');
    const known = numbers.get(key);
    if (known !== undefined) return known;
    if (tuples.length === mostTextStates) throw new TooLarge();
    numbers.set(key, tuples.length);
    return tuples.push(tuple) - 1;
  };
  number(automata.map(() => 0));
  const moves: Move[][] = [];
  for (let state = 0; state < tuples.length; state++) {
    let joint: (readonly [readonly Range[], readonly number[]])[] = [[everything, []]];
    automata.forEach((automaton, i) => {
      const own = automaton.moves(tuples[state]![i]!);
      joint = joint.flatMap(([ranges, tuple]) =>
        own.flatMap(([more, next]): typeof joint => {
          const both = overlap(ranges, more);
          return both.length > 0 ? [[both, [...tuple, next]]] : [];
        }),
      );
    });
    moves.push(joint.map(([ranges, tuple]): Move => [ranges, number(tuple)]));
  }
  const accepting = tuples.map((tuple) => automata.every((automaton, i) => automaton.accepts(tuple[i]!)));
  const live = coreachable(moves, accepting);
  if (!live[0]) return undefined;
  const trimmed = moves.map((list) => list.filter(([, next]) => live[next]));
  return { accepts: (state) => accepting[state]!, moves: (state) => trimmed[state]! };
}

function coreachable(moves: readonly (readonly Move[])[], accepting: readonly boolean[]): boolean[] {
  const before: number[][] = moves.map(() => []);
  moves.forEach((list, state) => {
    for (const [, next] of list) before[next]!.push(state);
  });
  const live = moves.map(() => false);
  const open = [...accepting.keys()].filter((state) => accepting[state]);
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (live[state]) continue;
    live[state] = true;
    for (const from of before[state]!) open.push(from);
  }
  return live;
}

/** Does the automaton take this text? */
export function takesText(automaton: TextAutomaton, text: string): boolean {
  let state: number | undefined = 0;
  for (const char of text) {
    const point = char.codePointAt(0)!;
    state = automaton
      .moves(state)
      .find(([ranges]) => ranges.some(([first, last]) => first <= point && point <= last))?.[1];
    if (state === undefined) return false;
  }
  return automaton.accepts(state);
}

/** How many steps an expression has when its repetitions are written out. */
export function expressionSize(expression: Expression): number {
  switch (expression.kind) {
    case 'set':
    case 'rule':
      return 1;
    case 'sequence':
      return expression.items.reduce((sum, item) => sum + expressionSize(item), 1);
    case 'choice':
      return expression.options.reduce((sum, option) => sum + expressionSize(option), 1);
    case 'repeat': {
      const { item, min, max } = expression;
      return 1 + (1 + expressionSize(item)) * (max === Infinity ? min + 1 : max);
    }
  }
}

type Step = { readonly ranges: readonly Range[]; readonly next: number } | { readonly to: readonly number[] };

/**
 * An expression without rules as an automaton (subset construction). Parts that are one object and are followed by
 * the same are built once.
 *
 * @throws {TooLarge}
 */
export function expressionAutomaton(expression: Expression): TextAutomaton {
  const steps: Step[] = [{ to: [] }]; // step 0 is the end
  const built = new Map<Expression, Map<number, number>>();
  const add = (step: Step) => {
    if (steps.length > mostTextStates) throw new TooLarge();
    return steps.push(step) - 1;
  };
  const build = (at: Expression, next: number): number => {
    const known = built.get(at);
    const entry = known?.get(next) ?? make(at, next);
    if (known) known.set(next, entry);
    else built.set(at, new Map([[next, entry]]));
    return entry;
  };
  const make = (at: Expression, next: number): number => {
    switch (at.kind) {
      case 'set':
        return add({ ranges: normalize(at.ranges), next });
      case 'sequence':
        return at.items.reduceRight((after, item) => build(item, after), next);
      case 'choice':
        return add({ to: at.options.map((option) => build(option, next)) });
      case 'rule':
        throw new Error(`expressionAutomaton: the expression uses the rule ${at.name}`);
      case 'repeat': {
        let entry = next;
        if (at.max === Infinity) {
          entry = add({ to: [] });
          steps[entry] = { to: [build(at.item, entry), next] };
        }
        const optional = at.max === Infinity ? 0 : at.max - at.min;
        for (let i = 0; i < optional + at.min; i++) {
          const taken = build(at.item, entry);
          if (taken === entry) break; // the item reads nothing, however often
          entry = i < optional ? add({ to: [taken, next] }) : taken;
        }
        return entry;
      }
    }
  };
  return determinize(steps, build(expression, 0));
}

function determinize(steps: readonly Step[], first: number): TextAutomaton {
  const numbers = new Map<string, number>();
  const states: (readonly number[])[] = [];
  const known: (readonly Move[])[] = [];
  let kept = 0;
  const number = (from: Iterable<number>): number => {
    const seen = new Set<number>();
    const open = [...from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const step = steps[at]!;
      if ('to' in step) open.push(...step.to);
    }
    const places = [...seen].filter((at) => at === 0 || 'ranges' in steps[at]!).sort((a, b) => a - b);
    const key = places.join(',');
    const old = numbers.get(key);
    if (old !== undefined) return old;
    kept += places.length;
    if (states.length === mostTextStates || kept > 100 * mostTextStates) throw new TooLarge();
    numbers.set(key, states.length);
    return states.push(places) - 1;
  };
  number([first]);
  return {
    accepts: (state) => states[state]!.includes(0),
    moves(state) {
      return (known[state] ??= partition(
        states[state]!.flatMap((at): Move[] => {
          const step = steps[at]!;
          return 'ranges' in step ? [[step.ranges, step.next]] : [];
        }),
      ).map(([ranges, to]): Move => [ranges, number(to)]));
    },
  };
}

/** Cuts overlapping moves into disjoint ones, each with all the places it leads to. */
function partition(moves: readonly Move[]): readonly (readonly [readonly Range[], readonly number[]])[] {
  const cuts = new Set<number>();
  for (const [ranges] of moves) {
    for (const [first, last] of ranges) {
      cuts.add(first);
      cuts.add(last + 1);
    }
  }
  const ends = [...cuts].sort((a, b) => a - b);
  const places = ends.map((): number[] => []);
  const index = new Map(ends.map((end, i) => [end, i]));
  for (const [ranges, next] of moves) {
    for (const [first, last] of ranges) {
      for (let i = index.get(first)!; ends[i]! <= last; i++) places[i]!.push(next);
    }
  }
  const parts = new Map<string, { readonly ranges: Range[]; readonly to: readonly number[] }>();
  ends.forEach((first, i) => {
    const to = [...new Set(places[i])].sort((a, b) => a - b);
    if (to.length === 0) return;
    const key = to.join(',');
    const range: Range = [first, ends[i + 1]! - 1];
    const part = parts.get(key);
    if (part) part.ranges.push(range);
    else parts.set(key, { ranges: [range], to });
  });
  return [...parts.values()].map(({ ranges, to }) => [normalize(ranges), to]);
}
