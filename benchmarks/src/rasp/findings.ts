import { formatPercent } from '../format.ts';
import type { Results } from '../results.ts';
import { raspEncodings } from './encodings.ts';
import { BEYOND, DONE, judgeRasp, type RaspJudgement } from './summary.ts';

/** Which tasks go beyond the lengths of training, in one sentence computed from the cells. */
export function raspFindings({ rasp }: Results): string[] {
  if (!rasp) return [];
  const judged = judgeRasp(rasp);
  const of = (outcome: RaspJudgement['outcome']): RaspJudgement[] =>
    judged.filter((one) => one.outcome === outcome);
  const names = (list: readonly RaspJudgement[]): string =>
    list.map(({ task }) => task.title.toLowerCase()).join('; ');
  const far = of('generalises').map(({ task, best }) => `${task.title.toLowerCase()} ${furthest(best!)}`);
  const [short, lost] = [of('does not generalise'), of('not learnt')];
  const parts = [
    far.length > 0
      ? `Beyond twice the length of training go ${far.join(', ')}`
      : 'No task goes beyond twice the length of training',
    ...(short.length > 0 ? [`learnt, but not beyond it: ${names(short)}`] : []),
    ...(lost.length > 0 ? [`not learnt at all: ${names(lost)}`] : []),
  ];
  return [`${parts.join('; ')}.`];
}

/** `(98 % at 25, trained to 10, positions none)`: beyond twice the length, or at it where it is not learnt. */
export function furthest({ points, encoding }: NonNullable<RaspJudgement['best']>): string {
  const first = points[0]!;
  const beyond = points.find(({ times }) => times > BEYOND) ?? points.at(-1)!;
  const far = first.share < DONE ? first : beyond;
  const title = raspEncodings.find(({ name }) => name === encoding)?.title ?? encoding;
  return `(${formatPercent(far.share)} at ${far.length}, trained to ${first.length}, positions ${title})`;
}
