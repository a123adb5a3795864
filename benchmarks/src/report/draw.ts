import { CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import { GraphicComponent, GridComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { LabelLayout } from 'echarts/features';
import { SVGRenderer } from 'echarts/renderers';
import { ink } from './palette.ts';

use([CustomChart, GraphicComponent, GridComponent, LabelLayout, LineChart, ScatterChart, SVGRenderer]);

/** The same numbers as the picture, for readers who want them or cannot see it. */
export interface ChartTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One chart of the report, drawn. */
export interface Chart {
  /** File name without `.svg`; unique in a report. */
  readonly id: string;
  /** What the data say, computed from them. */
  readonly title: string;
  /** How to read it. */
  readonly caption: string;
  readonly svg: string;
  readonly table: ChartTable;
}

// no quotes: the name goes into attributes as it is
export const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, sans-serif';

/**
 * Draws an ECharts option to SVG text, without a DOM, in Node and in a page alike. Colours are the light ones; the
 * page around it, or the style sheet in a file, turns them dark.
 */
export function drawSvg(
  id: string,
  { width, height, label }: { readonly width: number; readonly height: number; readonly label: string },
  option: EChartsCoreOption,
): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: ink.page.light,
      textStyle: { fontFamily: FONT, fontSize: 12, color: ink.text.light },
      ...option,
    });
    return tidy(id, chart.renderToSVGString(), label);
  } finally {
    chart.dispose();
  }
}

/** Names of its own for the picture's definitions, a text for screen readers, and no hover rules. */
function tidy(id: string, svg: string, label: string): string {
  return svg
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replace(/ class="zr\d+-cls-\d+"/g, '')
    .replace(/ pointer-events="visible"/g, '')
    .replace(/ ecmeta_[a-z_]+="[^"]*"/g, '')
    .replace(/ xml:space="preserve"/g, '')
    .replace(/ style="font(?:-size:12px|: normal normal 12px)[^"]*"/g, '')
    .replace(/zr\d+-/g, `${id}-`)
    .replace(
      '<svg ',
      `<svg role="img" aria-label="${escapeXml(label)}" font-family="${escapeXml(FONT)}" font-size="12" `,
    )
    .replace(/\n+/g, '\n');
}

export function escapeXml(text: string): string {
  return text.replace(
    /[&<>"]/g,
    (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!,
  );
}
