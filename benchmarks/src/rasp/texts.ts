import { ValueError } from '@headwise/tensor';
import { IGNORED } from '@headwise/training';
import { type Alphabet, END, type Example, HINT, MARK, PLUS, START, type Task } from './contract.ts';
import type { Random } from './random.ts';

/** Texts of a task as a model reads them: ids, what comes next, and where each token stands. */
export interface RaspRow {
  readonly ids: readonly number[];
  /** What comes next, where that is part of an answer; else {@link IGNORED}. */
  readonly targets: readonly number[];
  readonly positions: readonly number[];
  /** Lengths of the texts in this row, which do not see each other. */
  readonly documents: readonly number[];
}

/** Ids of a task's tokens: the four of every task, symbols, hints. */
export interface Vocabulary extends Alphabet {
  /** Number of ids. */
  readonly V: number;
  idOf(token: number): number;
}

const SHARED = [START, MARK, END, PLUS];

/** @throws {ValueError} for more symbols or hints than tokens of 8 bits have room for: shorter texts need fewer. */
export function vocabularyOf(alphabet: Alphabet): Vocabulary {
  const { symbols, hints } = alphabet;
  for (const [name, many] of [
    ['symbols', symbols],
    ['hints', hints],
  ] as const)
    if (many > HINT)
      throw new ValueError('rasp', name, `must be at most ${HINT}, for texts that are shorter`, many);
  const symbol = SHARED.length;
  return {
    ...alphabet,
    V: symbol + symbols + hints,
    idOf(token) {
      if (token < 0) return SHARED.indexOf(token);
      return token >= HINT ? symbol + symbols + token - HINT : symbol + token;
    },
  };
}

/** Tokens that a model reads of a text: all but the end. */
export function lengthOf({ prompt, answer }: Example): number {
  return prompt.length + answer.length - 1;
}

/** Texts one behind the other, each beginning at a random place of `rows`. */
export function rowOf(
  random: Random,
  texts: readonly Example[],
  vocabulary: Vocabulary,
  rows: number,
): RaspRow {
  const [ids, targets, positions]: number[][] = [[], [], []];
  for (const { prompt, answer } of texts) {
    const all = [...prompt, ...answer].map(vocabulary.idOf);
    const length = all.length - 1;
    const start = random.below(Math.max(1, rows - length + 1));
    ids!.push(...all.slice(0, -1));
    targets!.push(...all.slice(1).map((id, i) => (i + 1 < prompt.length ? IGNORED : id)));
    positions!.push(...Array.from({ length }, (_, i) => start + i));
  }
  return { ids: ids!, targets: targets!, positions: positions!, documents: texts.map(lengthOf) };
}

/** A row of at most T tokens: texts of lengths 1 … `most`, drawn alike, as many as fit. */
export function packedRow(
  random: Random,
  task: Task,
  vocabulary: Vocabulary,
  { most, T, rows }: { readonly most: number; readonly T: number; readonly rows: number },
): RaspRow {
  const texts: Example[] = [];
  let room = T;
  for (;;) {
    const text = task.example(random, 1 + random.below(most), vocabulary);
    room -= lengthOf(text);
    if (room < 0 && texts.length > 0) return rowOf(random, texts, vocabulary, rows);
    texts.push(text);
  }
}
