import { expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { type Family, readConfig } from '../family.ts';
import { families } from '../registry.ts';

function problemsOf(family: Family, json: object): readonly string[] {
  try {
    readConfig(family, json);
  } catch (error) {
    if (!FormatError.isInstance(error)) throw error;
    return error.problems;
  }
  return [];
}

// a refused field is read as 1, so that all can be told at once: that 1 stands in no file
it.each(Object.entries(families))('of what is refused in a %s, nothing else is said', (name, family) => {
  const bare = { model_type: name };
  const refusedBy = (problems: readonly string[]): string[] =>
    problems
      .map((problem) => /^(\w+) must be a whole number ≥ 1, it is/.exec(problem)?.[1])
      .filter(Boolean) as string[];
  const silent = problemsOf(family, bare);
  const negative = Object.fromEntries(refusedBy(silent).map((field) => [field, -7]));
  const heads = { num_attention_heads: -7, num_key_value_heads: 2, head_dim: -7, qk_rope_head_dim: -7 };
  for (const given of [bare, { ...bare, ...negative }, { ...bare, ...heads }]) {
    const problems = problemsOf(family, given);
    for (const field of refusedBy(problems))
      for (const problem of problems) expect(problem).not.toMatch(new RegExp(`\\b${field} \\d`));
  }
});
