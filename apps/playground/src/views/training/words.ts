import type { Attended, Kept } from './trainee.ts';

/** A later token that gets nothing at all; a prefix may be seen although it is later. Never throws. */
export function isMasked(weights: ArrayLike<number>, L: number, row: number, column: number): boolean {
  return column > row && weights[row * L + column] === 0;
}

/** A cell in a sentence. Never throws. */
export function cellText(attended: Attended, chosen: number, row: number, column: number): string {
  const { names, heads } = attended;
  const { layer, head, weights } = heads[chosen]!;
  const where = `Layer ${layer}, head ${head}: token ${row} “${names[row]}”`;
  if (isMasked(weights, names.length, row, column))
    return `${where} cannot see token ${column} “${names[column]}”, which comes later.`;
  const share = (100 * weights[row * names.length + column]!).toFixed(1);
  return `${where} gives ${share} % to token ${column} “${names[column]}”.`;
}

/** The sharpest place of a head, in a sentence. Never throws. */
export function headText(attended: Attended, chosen: number): string {
  const { names, heads } = attended;
  const { weights } = heads[chosen]!;
  const L = names.length;
  let best = { row: 1, column: 0, weight: -1 };
  // the first row has one key, which says nothing
  for (let row = 1; row < L; row++)
    for (let column = 0; column < L; column++) {
      const weight = weights[row * L + column]!;
      if (weight > best.weight) best = { row, column, weight };
    }
  return cellText(attended, chosen, best.row, best.column);
}

/** What a new variant took over, in sentences. Never throws. */
export function keptText({ from, kept, fresh }: Kept, to: string): string {
  const all = kept.length + fresh.length;
  const names =
    fresh.length > 6 ? `${fresh.slice(0, 6).join(', ')} and ${fresh.length - 6} more` : fresh.join(', ');
  const anew = fresh.length === 0 ? '' : ` Begun anew, for another shape or name: ${names}.`;
  return `From ${from} to ${to}: ${kept.length} of ${all} weights are kept as they were, embedding and feed-forward among them.${anew} The optimizer starts afresh.`;
}
