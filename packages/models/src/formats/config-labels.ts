import type { ConfigFields } from './config-fields.ts';
import { shown } from './json.ts';

/** Far above every classifier there is. */
const MOST_LABELS = 2 ** 20;

/**
 * Names of the classes of a head, in the order of its outputs: `id2label`, or `LABEL_0 …` up to `num_labels`
 * (default 2, BART's 3). Numbers that leave a gap are among the problems. Never throws.
 */
export function labelsOf(fields: ConfigFields, otherwise = 2): readonly string[] {
  const named = fields.get('id2label');
  const numbered = (count: number): readonly string[] =>
    Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  if (named === undefined || named === null)
    return numbered(fields.count('num_labels', otherwise, MOST_LABELS));
  fields.ignore('num_labels');
  const entries = typeof named === 'object' && !Array.isArray(named) ? Object.entries(named) : [];
  const names = entries.map((_, i) => (named as Record<string, unknown>)[String(i)]);
  if (names.length > 0 && names.every((name) => typeof name === 'string')) return names as string[];
  fields.problems.push(`id2label must name the classes 0, 1, 2 … of a text, it is ${shown(named)}`);
  return numbered(2);
}
