import { formatBytes, formatContext, formatCount } from '../../format.ts';
import type { LayerFacts, Results, StateFacts } from '../../results.ts';
import { sharingSentence } from '../../sharing.ts';
import { subjectLabel } from '../../views.ts';
import { type Chart, escapeXml, FONT } from '../draw.ts';
import { ink, variantMark } from '../palette.ts';

const WIDTH = 900;
const LEFT = 96;
const BAR = 18;
const GAP = 6;
const HEAD = 34;
const TEXT = 168;

/**
 * Bytes by layer of every variant in which a layer reads another's cache, beside the baseline: a full bar is stored
 * by its layer, an open one is read from another layer, and reading costs the same either way.
 */
export function layersChart(results: Results): Chart | undefined {
  const sharing = results.states.filter(({ layers }) =>
    layers.some(({ producer }) => producer !== undefined),
  );
  const baseline = results.states.find(
    ({ subject }) => subject === results.variants.find((variant) => variant.baseline)?.name,
  );
  if (sharing.length === 0) return undefined;
  const shown = [...(baseline && !sharing.includes(baseline) ? [baseline] : []), ...sharing];
  const title = sharing
    .map((state) => `${subjectLabel(results, state.subject)}: ${sharingSentence(state, baseline)}`)
    .join('; ');
  const most = Math.max(...shown.flatMap(({ layers }) => layers.map((layer) => bar(layer))));
  let top = 0;
  const panels = shown.map((state) => {
    const height = HEAD + state.layers.length * (BAR + GAP) + 10;
    const drawn = panel(results, state, most, top);
    top += height;
    return drawn;
  });
  // bars in rows with words inside have no axis that a chart library would add; plain SVG keeps the words readable
  const svg = [
    `<svg role="img" aria-label="${escapeXml(title)}" font-family="${FONT}" font-size="12" width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}" xmlns="http://www.w3.org/2000/svg">`,
    `<rect width="${WIDTH}" height="${top}" fill="${ink.page.light}"></rect>`,
    ...panels,
    '</svg>',
  ].join('\n');
  return {
    id: 'layers',
    title,
    caption:
      'One bar per layer, length in proportion to bytes. A full bar is stored by that layer. An open bar stores nothing: ' +
      'the layer reads the cache of the layer it names, and reads all of it at every step.',
    svg,
    table: {
      head: ['variant', 'layer', 'stores', 'reads a step', 'from'],
      rows: shown.flatMap((state) =>
        state.layers.map((layer) => [
          subjectLabel(results, state.subject),
          String(layer.layer),
          formatCount(layer.storedBytes),
          formatCount(layer.readBytes),
          layer.producer === undefined ? 'itself' : `layer ${layer.producer}`,
        ]),
      ),
    },
  };
}

function bar(layer: LayerFacts): number {
  return Math.max(layer.storedBytes, layer.readBytes);
}

function panel(results: Results, state: StateFacts, most: number, top: number): string {
  const variant = results.variants.find(({ name }) => name === state.subject);
  const { tone } = variantMark(variant?.order ?? 0);
  const heading = `${subjectLabel(results, state.subject)} at ${formatContext(state.context)} tokens, ${state.layers.length} layers`;
  const lines = state.layers.map((layer, i) => {
    const y = top + HEAD + i * (BAR + GAP);
    const width = most === 0 ? 0 : Math.round(((WIDTH - LEFT - TEXT) * bar(layer)) / most);
    const shared = layer.producer !== undefined;
    const shape = shared
      ? `fill="none" stroke="${tone.light}" stroke-width="2" stroke-dasharray="4 3"`
      : `fill="${tone.light}"`;
    const words = shared
      ? `stores 0 B, reads layer ${layer.producer}`
      : `stores ${formatBytes(layer.storedBytes)}`;
    return (
      `<text x="${LEFT - 10}" y="${y + 13}" text-anchor="end" fill="${ink.muted.light}">layer ${layer.layer}</text>` +
      `<rect x="${LEFT}" y="${y + 1}" width="${width}" height="${BAR - 2}" ${shape}></rect>` +
      `<text x="${LEFT + width + 8}" y="${y + 13}" fill="${ink.text.light}">${words}</text>`
    );
  });
  return `<text x="${LEFT}" y="${top + 22}" font-weight="bold" fill="${ink.muted.light}">${escapeXml(heading)}</text>\n${lines.join('\n')}`;
}
