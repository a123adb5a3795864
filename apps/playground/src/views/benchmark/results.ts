import { findingsNote, findingsOf, type Results } from 'benchmarks';
import {
  changesChart,
  chartStyles,
  compareResults,
  drawCharts,
  figureHtml,
  type ReportFile,
  reportFiles,
  reportTables,
  tableHtml,
} from 'benchmarks/report';

/** What the page shows of results; the chart library comes with it. */
export interface Shown {
  readonly findings: readonly string[];
  readonly note: string;
  /** Charts and tables as the report writes them, escaped by it. */
  readonly html: string;
  /** Against another run: sentences, and the same as above. */
  readonly changes?: { readonly notes: readonly string[]; readonly html: string } | undefined;
  readonly files: readonly ReportFile[];
}

/** Rules for its charts on a dark page. */
export const styles: string = chartStyles('.report');

/** @param other an earlier run, to compare with */
export function shownOf(results: Results, other?: Results): Shown {
  const { environment, equalShape, model, memory, cache, work } = reportTables(results);
  const tables = [...equalShape, ...model, ...cache, ...memory, ...work, ...environment];
  const comparison = other && compareResults(results, other);
  const chart = comparison && changesChart(results, comparison.changes);
  return {
    findings: findingsOf(results),
    note: findingsNote(results),
    html: [
      '<h2>Charts</h2>',
      ...drawCharts(results).map(figureHtml),
      '<h2>Tables</h2>',
      ...tables.map((table) => tableHtml(table)),
    ].join('\n'),
    changes: comparison && {
      notes: [
        `${comparison.changes.length} rows are in both runs; ${comparison.compared} ratios to a baseline were compared.`,
        ...comparison.warnings.map((warning) => `The runs differ in more than time: ${warning}.`),
        ...unmatchedNotes(comparison.unmatched),
      ],
      html: chart ? figureHtml(chart) : '',
    },
    files: reportFiles(results, comparison),
  };
}

/** Rows that only one run has, by reason: a list of hundreds would bury the rest. */
function unmatchedNotes(unmatched: readonly { readonly id: string; readonly reason: string }[]): string[] {
  const reasons = [...new Set(unmatched.map(({ reason }) => reason))];
  return reasons.map((reason) => {
    const own = unmatched.filter((each) => each.reason === reason);
    const more = own.length > 1 ? ` and ${own.length - 1} more` : '';
    return `Not compared, ${reason}: ${own[0]!.id}${more}.`;
  });
}
