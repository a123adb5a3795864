import { digits, formatPercent } from '../format.ts';
import type { Results } from '../results.ts';
import { distinct, subjectLabel } from '../views.ts';
import type { Verdict } from './claims/contract.ts';
import { judged } from './claims/evidence.ts';
import { type QualityLine, qualityLines } from './summary.ts';

/** What training says, in sentences computed from it: a difference is one where the intervals of all leave out 1. */
export function qualityFindings(results: Results): string[] {
  return [...trainedFindings(results), ...claimFindings(results)];
}

function claimFindings({ claims }: Results): string[] {
  if (!claims) return [];
  const all = judged(claims);
  const of = (outcome: Verdict['outcome'], words: string): string[] => {
    const ids = all.filter(({ verdict }) => verdict.outcome === outcome).map(({ id }) => id);
    return ids.length === 0 ? [] : [`${ids.length} ${words} (${ids.join(', ')})`];
  };
  const parts = [
    ...of('as the paper', 'came out as the paper says'),
    ...of('not as the paper', 'did not'),
    ...of('open', 'the seeds leave open'),
    ...of('not trained', 'not trained'),
  ];
  return [`Of ${all.length} claims of papers, tried small: ${parts.join('; ')}.`];
}

function trainedFindings(results: Results): string[] {
  const { quality } = results;
  if (!quality) return [];
  const baseline = results.variants.find((variant) => variant.baseline)?.name;
  const lines = qualityLines(quality, baseline);
  return distinct(lines, ({ comparison }) => comparison).flatMap((comparison) => {
    const compared = lines.filter((line) => line.comparison === comparison && line.ratio);
    if (compared.length === 0) return [];
    const [told, untold] = [compared.filter((line) => line.told), compared.filter((line) => !line.told)];
    const name = ({ subject }: QualityLine): string => subjectLabel(results, subject);
    const change = (line: QualityLine): string => {
      const { mean, low, high, n } = line.ratio!;
      return `${name(line)} ${signed(mean)}${n < 2 ? '' : ` [${signed(low)}, ${signed(high)}]`}`;
    };
    const held = comparison === 'equal-compute' ? 'parameters and compute' : 'parameters';
    const seeds = Math.max(...compared.map(({ ratio }) => ratio!.n));
    const who = baseline === undefined ? 'the baseline' : subjectLabel(results, baseline);
    const parts = [
      ...(told.length > 0 ? [`other than ${who}’s: ${told.map(change).join(', ')}`] : []),
      ...(untold.length > 0 ? [`not told apart from ${who}’s: ${untold.map(change).join(', ')}`] : []),
    ];
    return `Perplexity after training at equal ${held}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, ${parts.join('; ')}.`;
  });
}

/** `+2.1 %` */
function signed(ratio: number): string {
  if (!Number.isFinite(ratio) || ratio === 0) return ratio === 0 ? '−100 %' : '+∞';
  return `${ratio >= 1 ? '+' : '−'}${Math.abs(ratio - 1) < 0.0005 ? digits(0) : formatPercent(Math.abs(ratio - 1)).replace(' %', '')} %`;
}
