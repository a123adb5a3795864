import type { ChartTable } from './draw.ts';

/** A table with its heading, for HTML, Markdown and the terminal alike. */
export interface ReportTable extends ChartTable {
  readonly title: string;
  readonly note?: string;
}
