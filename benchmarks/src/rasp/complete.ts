import type { Program, Task } from './contract.ts';
import { END } from './contract.ts';
import { looseRasp, type Rasp, rasp } from './language.ts';

/**
 * What a program says after a prompt, token by token as a model would, with the end.
 *
 * @param most tokens at most: a program that does not end is cut there
 * @throws {RaspError} where the program breaks a rule of the language.
 */
export function complete(
  program: Program,
  prompt: readonly number[],
  { language = rasp, most = 256 }: { readonly language?: Rasp; readonly most?: number } = {},
): number[] {
  const text = [...prompt];
  const said: number[] = [];
  while (said.length < most && said.at(-1) !== END) {
    const next = program(language, language.tokens(text)).values.at(-1)!;
    said.push(next);
    text.push(next);
  }
  return said;
}

/** The answer to a prompt of the task, by its program, in the language that the program keeps to. */
export function solve({ program, short }: Task, prompt: readonly number[]): number[] {
  return complete(program, prompt, { language: short ? rasp : looseRasp });
}
