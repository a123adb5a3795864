import { createMatcher, type Matcher } from './automaton.ts';
import { parseGbnf } from './gbnf-parser.ts';

/**
 * A grammar in llama.cpp's notation (GBNF) as a constraint: the whole text must match the rule `root`.
 *
 * Rules, literals, character classes, `.`, groups, `|`, `* + ?`, `{m,n}`, comments and the escapes `\n \r \t \\ \"
 * \[ \] \xXX \uXXXX \UXXXXXXXX`. Token terminals (`<think>`) are not supported: they name ids of one tokenizer.
 *
 * @example
 * gbnfMatcher('root ::= ("yes" | "no") " because " [a-z ]+ "."');
 *
 * @see the GBNF guide of llama.cpp, {@link https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md}
 */
export function gbnfMatcher(grammar: string): Matcher {
  return createMatcher('gbnf', parseGbnf(grammar));
}
