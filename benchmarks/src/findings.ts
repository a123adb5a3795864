import { formatContext, formatEstimate, formatInterval, formatRatio, formatShare } from './format.ts';
import type { Results } from './results.ts';
import { sharingSentence } from './sharing.ts';
import { differs, type Estimate } from './statistics.ts';
import {
  deviceLabel,
  distinct,
  isTimed,
  ratioToBaseline,
  rowsOf,
  subjectLabel,
  type TimedRow,
} from './views.ts';

/**
 * What the data say, in sentences computed from them, most telling first: memory, decode, sharing, prefill, equal
 * parameters. A difference is only called one where its interval leaves out 1.
 */
export function findingsOf(results: Results): string[] {
  return [
    memoryFinding(results),
    timeFinding(results, 'decode'),
    ...sharingFindings(results),
    timeFinding(results, 'prefill'),
    modelFinding(results),
    failureFinding(results),
  ].filter((finding) => finding !== undefined);
}

/** What the caches hold at the longest timed context, and that counters agree with formulas. */
function memoryFinding(results: Results): string | undefined {
  const rows = rowsOf(results, { suite: 'attention', phase: 'decode' }).filter(({ kv }) => kv !== undefined);
  const base = baselineName(results);
  if (rows.length === 0 || !base) return undefined;
  const device = rows[0]!.device;
  const longest = Math.max(...rows.filter((row) => row.device === device).map(({ context }) => context));
  const there = rows.filter((row) => row.device === device && row.context === longest);
  const reference = there.find(({ subject }) => subject === base)?.kv;
  const shares = there
    .filter(({ subject }) => subject !== base)
    .flatMap(({ subject, kv }) =>
      reference ? [{ subject, share: kv!.formulaBytes / reference.formulaBytes }] : [],
    )
    .filter(({ share }) => share < 1)
    .sort((a, b) => a.share - b.share)
    .map(({ subject, share }) => `${subjectLabel(results, subject)} ${formatShare(share)}`);
  const equal = rows.filter(({ kv }) => kv!.formulaBytes + kv!.slotBytes === kv!.allocatedBytes).length;
  const kept =
    shares.length === 0
      ? 'no variant keeps fewer KV bytes than the baseline'
      : `of ${subjectLabel(results, base)}’s KV bytes are kept by ${listed(shares, 8)}`;
  const counted =
    equal === rows.length
      ? `All ${rows.length} measured caches equal their formula to the byte.`
      : `${rows.length - equal} of ${rows.length} measured caches differ from their formula.`;
  return `Memory at ${formatContext(longest)} tokens: ${kept}. ${counted}`;
}

/** The first few of a list, and how many more there are. */
function listed(items: readonly string[], most: number): string {
  const more = items.length > most ? ` and ${items.length - most} more` : '';
  return `${items.slice(0, most).join(', ')}${more}`;
}

/** Who is faster than the baseline at the longest context of the first device, and by how much. */
function timeFinding(results: Results, phase: 'prefill' | 'decode'): string | undefined {
  const all = rowsOf(results, { suite: 'attention', phase, comparison: 'equal-shape' }).filter(isTimed);
  const base = baselineName(results);
  const device = all[0]?.device;
  if (!device || !base) return undefined;
  const own = all.filter((row) => row.device === device);
  const longest = Math.max(...own.map(({ context }) => context));
  const compared = own
    .filter(({ context }) => context === longest)
    .flatMap((row) => {
      const ratio = ratioToBaseline(results, row);
      return ratio ? [{ row, ratio }] : [];
    });
  if (compared.length === 0) return undefined;
  const name = ({ row }: { row: TimedRow }): string => subjectLabel(results, row.subject);
  const sorted = compared
    .filter(({ ratio }) => differs(ratio))
    .sort((a, b) => a.ratio.median - b.ratio.median);
  const faster = sorted.filter(({ ratio }) => ratio.median < 1);
  const slower = sorted.filter(({ ratio }) => ratio.median > 1).reverse();
  const same = compared.filter(({ ratio }) => !differs(ratio));
  const parts = [
    faster.length > 0 &&
      `faster by ${listed(
        faster.map((one) => `${name(one)} ${speedUp(one.ratio)}`),
        8,
      )}`,
    slower.length > 0 &&
      `slower by ${listed(
        slower.map((one) => `${name(one)} ${formatEstimate(one.ratio)}`),
        3,
      )}`,
    same.length > 0 && `not told apart: ${listed(same.map(name), 5)}`,
  ].filter(Boolean);
  const where = deviceLabel(own[0]!);
  return `${phase === 'decode' ? 'Decode' : 'Prefill'} at ${formatContext(longest)} tokens on ${where}, against ${subjectLabel(results, base)}: ${parts.join('; ')}.`;
}

/** Storage is saved, reads are not: said wherever a variant shares, from its own `kv()` and `cost()`. */
function sharingFindings(results: Results): string[] {
  const base = results.states.find(({ subject }) => subject === baselineName(results));
  return results.states
    .filter(({ layers }) => layers.some(({ producer }) => producer !== undefined))
    .map((state) => {
      const weights = (one: typeof state): number =>
        one.layers.reduce((sum, { parameters }) => sum + parameters, 0);
      const share =
        base && base.layers.length === state.layers.length ? weights(state) / weights(base) : undefined;
      const projections = share === undefined ? '' : ` Its projections are ${formatRatio(share)} as large.`;
      return (
        `Sharing saves storage, not reading: with ${subjectLabel(results, state.subject)} ${sharingSentence(state, base)}, ` +
        `since every layer still reads the shared cache.${projections}`
      );
    });
}

/** The whole decoder at equal parameters: the fair question for someone who trains one. */
function modelFinding(results: Results): string | undefined {
  const rows = rowsOf(results, {
    suite: 'model',
    comparison: 'equal-parameters',
    phase: 'next token',
  }).filter(isTimed);
  const compared = rows
    .flatMap((row) => {
      const ratio = ratioToBaseline(results, row);
      return ratio ? [{ row, ratio }] : [];
    })
    .filter(({ ratio }) => differs(ratio))
    .sort((a, b) => a.ratio.median - b.ratio.median);
  if (rows.length < 2) return undefined;
  const where = deviceLabel(rows[0]!);
  if (compared.length === 0)
    return `Decoders of equal parameters on ${where}: no variant’s time per token is told apart from the baseline’s after ${rows[0]!.context} tokens.`;
  const list = listed(
    compared.map(({ row, ratio }) => `${subjectLabel(results, row.subject)} ${formatEstimate(ratio)}`),
    8,
  );
  return `Decoders of equal parameters on ${where}, time per token against the baseline’s after ${rows[0]!.context} tokens: ${list}.`;
}

function failureFinding(results: Results): string | undefined {
  const failed = results.rows.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return undefined;
  const subjects = distinct(failed, ({ subject }) => subject).map((subject) =>
    subjectLabel(results, subject),
  );
  return `Not timed because wrong or broken: ${subjects.join(', ')} (${failed.length} rows; each says why).`;
}

function baselineName(results: Results): string | undefined {
  return results.variants.find(({ baseline }) => baseline)?.name;
}

/** The inverse of a ratio of times: `2.1× [2.0, 2.2]`. */
function speedUp({ median, low, high, coverage }: Estimate): string {
  return `${formatRatio(1 / median)} ${formatInterval({ low: 1 / high, high: 1 / low, coverage })}`;
}
