/** Words that no option has. */
const NONSENSE = 'no-such-choice';

/**
 * What an option that is a word can be: asks for what cannot be, and reads the words of the refusal. Absent where the
 * refusal does not list them.
 *
 * @param make tries one value, and throws as the library does
 */
export function choicesOf(
  defaults: Readonly<Record<string, unknown>>,
  make: (options: Readonly<Record<string, unknown>>) => unknown,
): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  for (const [name, fallback] of Object.entries(defaults)) {
    if (typeof fallback !== 'string') continue;
    try {
      make({ [name]: NONSENSE });
    } catch (error) {
      const words = wordsIn((error as Error).message);
      if (words.includes(fallback)) found[name] = words;
    }
  }
  return found;
}

function wordsIn(message: string): readonly string[] {
  const [rule = ''] = message.split(/, got|, it is/);
  const quoted = [...rule.matchAll(/["'‘“]([\w-]+)["'’”]/g)].map(([, word]) => word!);
  const plain = /must be ((?:[\w-]+, )*[\w-]+ or [\w-]+)/.exec(rule)?.[1]?.split(/, | or /) ?? [];
  return [...new Set(quoted.length > 1 ? quoted : plain)].filter((word) => word !== NONSENSE);
}
