import type { Rasp, Sequence } from './language.ts';
import type { Random } from './random.ts';

/** Tokens that every task has, beside its symbols, which are 0 and above. All fit 8 bits, as the language wants. */
export const START = -1;
/** Between what is given and what is to be said. */
export const MARK = -2;
export const END = -3;
export const PLUS = -4;
/** The first index hint; hints that follow one another differ by 1. */
export const HINT = 64;

/** One text: what is given, and what is to come, which ends with {@link END}. */
export interface Example {
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
}

/** The next token of every place, in the language: `[L] → [L]`; what it says before the mark does not matter. */
export type Program = (language: Rasp, text: Sequence) => Sequence;

/** What a task is made of: how many symbols there are, and how many hints. */
export interface Alphabet {
  readonly symbols: number;
  readonly hints: number;
}

/** One algorithm to be learnt: a file each, a line in `tasks.ts`. */
export interface Task {
  /** `copy-unique` */
  readonly name: string;
  readonly title: string;
  /** `> 3 1 2 | 1 2 3 .`, for people. */
  readonly shown: string;
  /** What a text of length `most` can need. */
  alphabet(most: number): Alphabet;
  /** Most tokens that a model reads of a text of length n: all but the end. */
  tokens(n: number): number;
  /** A text of length n, with any hints at random places of their range. */
  example(random: Random, n: number, alphabet: Alphabet): Example;
  readonly program: Program;
  /** Whether the program keeps to RASP-L; where it does not, that none is known is the paper's point. */
  readonly short: boolean;
  /** What the paper found, with its section or figure. */
  readonly theirs: string;
  /** Whether the task was expected to generalise here, and why; written before the first run of the suite. */
  readonly expects: { readonly generalises: boolean; readonly why: string };
}

/** How every model of the suite is trained: the same for all, but what a task says. */
export interface RaspRecipe {
  readonly layers: number;
  readonly E: number;
  readonly H: number;
  /** Width of the feed-forward part. */
  readonly hidden: number;
  /** Tokens of a row, into which texts are packed, and rows of a step. */
  readonly T: number;
  readonly B: number;
  readonly rate: number;
  readonly warmup: number;
  readonly decay: number;
  readonly seeds: readonly number[];
  /** Texts of each length that are checked. */
  readonly checked: number;
  /** Lengths that are checked, in lengths of training. */
  readonly times: readonly number[];
  readonly encodings: readonly string[];
  /** By task: longest length that is trained on, and steps. */
  readonly tasks: Readonly<Record<string, TaskRecipe>>;
}

export interface TaskRecipe {
  readonly length: number;
  readonly steps: number;
  /** Heads, where a task needs wider ones to tell its symbols apart. Default the recipe's. */
  readonly H?: number;
}

/** One training: a task, an encoding and a seed. */
export interface RaspCell {
  /** `rasp/copy-unique/rotary/2` */
  readonly id: string;
  readonly task: string;
  readonly encoding: string;
  readonly seed: number;
  readonly status: 'ok' | 'unsupported' | 'diverged' | 'failed' | 'not-reached';
  readonly reason?: string;
  readonly parameters?: number;
  /** Step and mean loss, in nats a token of answers, of the steps since the point before. */
  readonly curve?: readonly (readonly [number, number])[];
  /** Texts of which every token of the answer is right, of those checked, by length. */
  readonly right?: Readonly<Record<string, number>>;
  readonly timing?: {
    readonly device: string;
    readonly engine: string;
    readonly machine: string;
    readonly seconds: number;
  };
}

/** The part of `results.json` that the suite fills. */
export interface RaspResults {
  readonly recipe: RaspRecipe;
  readonly plan: readonly string[];
  readonly cells: readonly RaspCell[];
}
