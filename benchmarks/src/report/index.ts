export { type Change, type Comparison, compareResults } from '../compare.ts';
export { changesChart } from './charts/forest.ts';
export { drawCharts } from './charts/index.ts';
export type { Chart, ChartTable } from './draw.ts';
export { figureHtml, tableHtml } from './html.ts';
export { type ReportFile, reportFiles } from './report.ts';
export { chartStyles } from './style.ts';
export type { ReportTable } from './table.ts';
export { type ReportTables, reportTables } from './tables.ts';
