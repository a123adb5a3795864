import type { PositionPicture } from './picture.ts';

/** What the picture shows, in sentences with its numbers. */
export function sentenceOf(
  { title, summary, spectrum, shift, curve, kind }: PositionPicture,
  { trained, length, by }: { readonly trained: number; readonly length: number; readonly by: number },
): string {
  const beyond =
    length > trained
      ? `The text of ${length} tokens is ${factor(length / trained)} times as long as those of training (${trained}).`
      : `The text of ${length} tokens is no longer than those of training (${trained}).`;
  return [`${title}: ${summary}`, beyond, turning(spectrum), curve.ends, shifting(shift, by, kind)]
    .filter(Boolean)
    .join(' ');
}

function turning(spectrum: PositionPicture['spectrum']): string {
  if (!spectrum) return '';
  const { unseen, frequencies, attentionFactor } = spectrum;
  const angles =
    unseen.length === 0
      ? 'No pair reaches an angle that training has not shown.'
      : `${unseen.length} of ${frequencies.length} pairs reach angles that training has not shown.`;
  const sharper =
    attentionFactor === 1 ? '' : ` Scores are multiplied by ${(attentionFactor ** 2).toFixed(4)}.`;
  return angles + sharper;
}

function shifting(shift: PositionPicture['shift'], by: number, kind: string): string {
  if (shift.problem !== undefined) return `Moving both tokens by ${by} is refused: ${shift.problem}.`;
  const change = changeOf(shift.change);
  const relative = change === '0.000000';
  const why = relative
    ? 'only the distance counts'
    : kind === 'input'
      ? 'the place itself counts'
      : 'the angles follow the length of the text';
  return `Moving both tokens by ${by} changes the score by ${change}: ${why}.`;
}

/** Six digits, and zero without a sign. */
export function changeOf(change: number): string {
  const digits = change.toFixed(6);
  return digits === '-0.000000' ? '0.000000' : digits;
}

function factor(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
