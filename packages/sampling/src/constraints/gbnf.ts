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
 * @throws {SamplingError} with line and column if the text is no grammar; by name if a rule is missing, begins with
 * itself or matches no finite text; or if there are more than 200 000 nodes or 20 000 places at once. `next` throws it
 * too where a text leads there.
 *
 * @see the GBNF guide of llama.cpp, {@link https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md}
 */
export function gbnfMatcher(grammar: string): Matcher {
  return createMatcher('gbnf', parseGbnf(grammar));
}
