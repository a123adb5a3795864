import { type Compared, comparedIn, type Family, familyOf, headlineContext } from './family.ts';
import { formatContext, formatEstimate, formatRatio, formatShare } from './format.ts';
import { qualityFindings } from './quality/findings.ts';
import { raspFindings } from './rasp/findings.ts';
import type { Results, Row } from './results.ts';
import { sharingSentence } from './sharing.ts';
import { differs, type Estimate } from './statistics.ts';
import { deviceLabel, distinct, isTimed, rowsOf, subjectLabel } from './views.ts';

/**
 * What the data say, in sentences computed from them, most telling first: memory, decode, sharing, prefill, equal
 * parameters. A difference is only called one where its interval leaves out 1, and the intervals of all comparisons
 * that sentences are picked from are right at once.
 */
export function findingsOf(results: Results): string[] {
  const family = familyOf(results);
  return [
    memoryFinding(results),
    ...timeFindings(results, family, 'decode'),
    ...sharingFindings(results),
    ...timeFindings(results, family, 'prefill'),
    modelFinding(results, family),
    ...qualityFindings(results),
    ...raspFindings(results),
    refusalFinding(results),
    failureFinding(results),
  ].filter((finding) => finding !== undefined);
}

/** What the caches hold at the longest timed context, and that counters agree with formulas. */
function memoryFinding(results: Results): string | undefined {
  const rows = rowsOf(results, { suite: 'attention', phase: 'decode' }).filter(({ kv }) => kv !== undefined);
  const base = baselineName(results);
  const [first] = rows;
  if (!first || !base) return undefined;
  const own = rows.filter(({ device, batch }) => device === first.device && batch === first.batch);
  const longest = Math.max(...own.map(({ context }) => context));
  const there = own.filter(({ context }) => context === longest);
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
  return `Memory at ${placeOf(there[0]!)}: ${kept}. ${counted}`;
}

/** The first few of a list, and how many more there are. */
function listed(items: readonly string[], most: number): string {
  const more = items.length > most ? ` and ${items.length - most} more` : '';
  return `${items.slice(0, most).join(', ')}${more}`;
}

/** Who is faster than the baseline on the first device, and by how much: a sentence for each number of sequences. */
function timeFindings(results: Results, family: Family, phase: 'prefill' | 'decode'): string[] {
  const all = rowsOf(results, { suite: 'attention', phase, comparison: 'equal-shape' }).filter(isTimed);
  const own = all.filter(({ device }) => device === all[0]?.device);
  return distinct(own, ({ batch }) => batch).flatMap((batch) => {
    const rows = own.filter((row) => row.batch === batch);
    const context = headlineContext(results, rows, family);
    const compared = comparedIn(results, rows, family).filter(({ row }) => row.context === context);
    return compared.length === 0 ? [] : [timeFinding(results, family, compared)];
  });
}

function timeFinding(
  results: Results,
  { confidence, rounds, count }: Family,
  compared: readonly Compared[],
): string {
  const { row } = compared[0]!;
  const name = (one: Compared): string => subjectLabel(results, one.row.subject);
  const told = compared
    .filter(({ ratio }) => differs(ratio, confidence))
    .sort((a, b) => a.ratio.median - b.ratio.median);
  const faster = told.filter(({ ratio }) => ratio.median < 1);
  const slower = told.filter(({ ratio }) => ratio.median > 1).reverse();
  const few = compared.filter(({ ratio }) => ratio.n < rounds);
  const same = compared.filter((one) => !told.includes(one) && !few.includes(one));
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
    few.length > 0 &&
      `too few rounds to tell among ${count} comparisons, which needs ${rounds}: ${listed(few.map(name), 5)}`,
  ].filter(Boolean);
  const base = subjectLabel(results, baselineName(results) ?? '');
  return `${row.phase === 'decode' ? 'Decode' : 'Prefill'} at ${placeOf(row)} on ${deviceLabel(row)}, against ${base}: ${parts.join('; ')}.`;
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
function modelFinding(results: Results, family: Family): string | undefined {
  const rows = rowsOf(results, {
    suite: 'model',
    comparison: 'equal-parameters',
    phase: 'next token',
  }).filter(isTimed);
  const compared = comparedIn(results, rows, family);
  const [first] = compared;
  if (!first) return undefined;
  const told = compared
    .filter(({ ratio }) => differs(ratio, family.confidence))
    .sort((a, b) => a.ratio.median - b.ratio.median);
  const where = deviceLabel(first.row);
  const most = Math.max(...compared.map(({ ratio }) => ratio.n));
  if (most < family.rounds)
    return `Decoders of equal parameters on ${where}: ${most} rounds are too few to tell among ${family.count} comparisons, which needs ${family.rounds}.`;
  if (told.length === 0)
    return `Decoders of equal parameters on ${where}: no variant’s time per token is told apart from the baseline’s after ${first.row.context} tokens.`;
  const list = listed(
    told.map(({ row, ratio }) => `${subjectLabel(results, row.subject)} ${formatEstimate(ratio)}`),
    8,
  );
  return `Decoders of equal parameters on ${where}, time per token against the baseline’s after ${first.row.context} tokens: ${list}.`;
}

function failureFinding(results: Results): string | undefined {
  const failed = results.rows.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return undefined;
  const subjects = distinct(failed, ({ subject }) => subject).map((subject) =>
    subjectLabel(results, subject),
  );
  return `Not timed because wrong or broken: ${subjects.join(', ')} (${failed.length} rows; each says why).`;
}

/** Who is not in the sentences above because a device or the shape refuses it, and why: nobody vanishes without a word. */
function refusalFinding(results: Results): string | undefined {
  const refused = results.rows.filter(({ status }) => status === 'unsupported');
  const told = distinct(refused, ({ subject, reason }) => `${subject} ${reason}`).map((key) => {
    const own = refused.filter(({ subject, reason }) => `${subject} ${reason}` === key);
    const { subject, reason } = own[0]!;
    const devices = distinct(own, deviceLabel).join(' and ');
    return `${subjectLabel(results, subject)} on ${devices} (${reason ?? 'no reason given'})`;
  });
  return told.length === 0 ? undefined : `Not measured because refused: ${listed(told, 12)}.`;
}

function baselineName(results: Results): string | undefined {
  return results.variants.find(({ baseline }) => baseline)?.name;
}

/** How the findings guard against picking, for whoever shows them. */
export function findingsNote(results: Results): string {
  const { count } = familyOf(results);
  return `Differences are picked from ${count} comparisons; their intervals here are wide enough that with 95 % all ${count} are right at once. The tables have the interval of each alone.`;
}

/** `2k tokens`, `2k tokens × 4 sequences`. */
function placeOf({ context, batch }: Row): string {
  return `${formatContext(context)} tokens${batch > 1 ? ` × ${batch} sequences` : ''}`;
}

/** The inverse of a ratio of times: `2.1× [2.0, 2.2]`. */
function speedUp({ median, low, high, n, coverage }: Estimate): string {
  return formatEstimate({ median: 1 / median, low: 1 / high, high: 1 / low, n, coverage });
}
