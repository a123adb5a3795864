import type { Comparison } from '../compare.ts';
import type { Results } from '../results.ts';
import { changesChart } from './charts/forest.ts';
import { drawCharts } from './charts/index.ts';
import { reportHtml, svgFile } from './html.ts';

/** A file of the report folder. */
export interface ReportFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly text: string;
}

/** All files of a report, as text: whoever has a file system writes them, a page offers them for download. */
export function reportFiles(results: Results, comparison?: Comparison): ReportFile[] {
  const charts = drawCharts(results);
  const changed = comparison && changesChart(results, comparison.changes);
  const changes = comparison && {
    chart: changed,
    notes: [
      ...comparison.warnings.map((warning) => `The runs differ in more than time: ${warning}.`),
      ...comparison.unmatched.map(({ id, reason }) => `${id}: ${reason}.`),
    ],
  };
  return [
    { path: 'results.json', text: `${JSON.stringify(results, null, 1)}\n` },
    { path: 'report.html', text: reportHtml(results, charts, { changes }) },
    ...[...charts, ...(changed ? [changed] : [])].map((chart) => ({
      path: `charts/${chart.id}.svg`,
      text: svgFile(chart),
    })),
  ];
}
