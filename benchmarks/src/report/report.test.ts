import { describe, expect, it } from 'vitest';
import { compareResults } from '../compare.ts';
import { sampleResults } from '../testing/sample-results.ts';
import { parseResults } from '../validate.ts';
import type { TimedRow } from '../views.ts';
import { drawCharts } from './charts/index.ts';
import { paretoFront } from './charts/trade-off.ts';
import { replaceMarked, resultsMarkdown } from './markdown.ts';
import { ink, tones } from './palette.ts';
import { logTicks } from './panel.ts';
import { reportFiles } from './report.ts';

const results = sampleResults();
const file = (path: string, ...args: Parameters<typeof reportFiles>): string =>
  reportFiles(...args).find((one) => one.path === path)!.text;

/** What is left open after reading every tag, each attribute in quotes; throws on anything that is not XML. */
function tagsOf(xml: string): string[] {
  const open: string[] = [];
  const rest = xml.replace(
    /<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, closes, tag, __, alone) => {
      if (closes && open.pop() !== tag) throw new Error(`</${tag}> closes another`);
      if (!closes && !alone) open.push(tag);
      return '';
    },
  );
  if (/[<>]/.test(rest)) throw new Error(`not XML: ${/.{0,60}[<>].{0,60}/.exec(rest)}`);
  return open;
}

describe('charts', () => {
  const charts = drawCharts(results);

  it('are drawn for memory, layers, time, trade-off, devices, limits and the control', () => {
    expect(charts.map(({ id }) => id)).toEqual([
      'kv-bytes',
      'layers',
      'prefill-gpujs-webasm',
      'prefill-gpujs-webgl2',
      'decode-gpujs-webasm',
      'decode-gpujs-webgl2',
      'trade-off-gpujs-webasm',
      'trade-off-gpujs-webgl2',
      'devices',
      'roofline-gpujs-webasm',
      'roofline-gpujs-webgl2',
      'control',
    ]);
  });

  it.each(charts.map((chart) => [chart.id, chart] as const))(
    '%s: whole, described, in colours that turn dark',
    (_, chart) => {
      expect(chart.svg).toMatch(/^<svg role="img" aria-label="[^"]{20,}"/);
      expect(chart.svg.match(/<(svg|g|text|path|rect)[ >]/g)!.length).toBeGreaterThan(10);
      expect(chart.svg).not.toMatch(/NaN|undefined|Infinity/);
      expect(tagsOf(chart.svg)).toEqual([]);
      expect(chart.table.rows.length).toBeGreaterThan(0);
      for (const row of chart.table.rows) expect(row).toHaveLength(chart.table.head.length);
      const known = [...tones.variants, ...tones.devices, ...Object.values(ink)].map(({ light }) => light);
      const used = [...chart.svg.matchAll(/(?:fill|stroke)="([^"]+)"/g)].map((match) => match[1]!);
      expect(used.filter((color) => color !== 'none' && color !== '#000' && !known.includes(color))).toEqual(
        [],
      );
    },
  );

  it('say on a software GPU that it is one, in title and picture', () => {
    for (const chart of charts.filter(({ id }) => id.endsWith('webgl2'))) {
      expect(chart.title).toContain('(emulated GPU)');
      expect(chart.svg).toMatch(/>[^<]*\(emulated GPU\)[^<]*</);
    }
    expect(charts.find(({ id }) => id === 'devices')!.svg).toContain('gpujs:webgl2 (emulated GPU)');
  });

  it('put a seventh variant into a panel of its own, beside the baseline', () => {
    const extra = Array.from({ length: 3 }, (_, i) => ({
      name: `extra-${i}`,
      title: `Extra (EX${i})`,
      heads: 4,
    }));
    const [wide] = drawCharts(sampleResults({ extra })).filter(({ id }) => id === 'decode-gpujs-webasm');
    const narrow = charts.find(({ id }) => id === 'decode-gpujs-webasm')!;
    const height = (svg: string): number => Number(/height="(\d+)"/.exec(svg)![1]);
    expect(height(wide!.svg)).toBe(2 * height(narrow.svg));
    expect(wide!.svg.match(/>PLA</g)).toHaveLength(2);
  });

  it('draw nothing where there is nothing', () => {
    expect(drawCharts({ ...results, rows: [], states: [] })).toEqual([]);
  });
});

it('chooses ticks that enclose the data and are few', () => {
  expect(logTicks(3, 40, 'decimal')).toEqual([2, 5, 10, 20, 50]);
  expect(logTicks(256, 131_072, 'binary')).toHaveLength(10);
  expect(logTicks(5, 5, 'binary').length).toBeGreaterThan(1);
  expect(logTicks(1e-3, 1e4, 'decimal').length).toBeLessThan(12);
});

it('finds the rows that no other beats', () => {
  const row = (bytes: number, ms: number) =>
    ({ batch: 1, kv: { allocatedBytes: bytes }, summary: { median: ms } }) as TimedRow;
  const [a, b, c, d] = [row(8, 1), row(4, 2), row(4, 3), row(9, 1)];
  expect(paretoFront([a!, b!, c!, d!])).toEqual([b, a]);
});

describe('report.html', () => {
  const html = file('report.html', results);

  it('opens from disk alone: nothing is fetched, nothing needs a script', () => {
    expect(html).not.toMatch(/<(?:link|img|iframe|script)[^>]+(?:src|href)=/);
    expect(html).not.toMatch(/@import|url\((?!#)/);
    expect(html.replace(/xmlns(:\w+)?="[^"]*"/g, '')).not.toContain('http');
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html.length).toBeLessThan(1.5 * 2 ** 20);
  });

  it('says what ran, on what, and how', () => {
    for (const text of [
      'Made-up CPU',
      'load average at the start',
      'No real GPU behind gpujs:webgl2.',
      'Sharing saves storage, not reading',
      'k-th smallest and k-th largest',
      'FLOPs = 2·B·Lq',
      'Equal parameters adjusts the feed-forward width',
    ])
      expect(html).toContain(text);
  });

  it('gives every row its time, n, interval and check, and marks those of a software GPU', () => {
    const rows = html.slice(html.indexOf('<h2>Every row'));
    expect(rows.match(/webgl2 \(emulated GPU\)/g)!.length).toBeGreaterThanOrEqual(48);
    expect(rows.match(/✓ 1e-7/g)).toHaveLength(96);
  });

  it('escapes what comes from outside', () => {
    const nasty = {
      ...results,
      variants: results.variants.map((v) => ({ ...v, summary: '<script>alert(1)</script>' })),
    };
    expect(file('report.html', nasty)).not.toContain('<script>alert');
  });

  it('says that a run was interrupted', () => {
    expect(html).not.toContain('Interrupted.');
    expect(file('report.html', { ...results, partial: true })).toContain('<strong>Interrupted.</strong>');
  });

  it('has what changed against another run', () => {
    const comparison = compareResults(sampleResults({ slowdown: 2, seed: 3 }), results);
    expect(file('report.html', results, comparison)).toContain(
      '104 rows slower'.replace('104', String(comparison.changes.length)),
    );
    const drawn = file('charts/changes.svg', results, comparison).match(/>[^<]* · gpujs:/g) ?? [];
    expect(comparison.changes.length).toBeGreaterThan(40);
    expect(drawn).toHaveLength(40);
  });
});

describe('reportFiles', () => {
  it('writes samples that are read back as they were', () => {
    expect(parseResults(file('results.json', results), 'results.json')).toEqual(
      JSON.parse(JSON.stringify(results)),
    );
  });

  it('writes each chart as a file that turns dark by itself', () => {
    const files = reportFiles(results).filter(({ path }) => path.startsWith('charts/'));
    expect(files).toHaveLength(drawCharts(results).length);
    for (const { path, text } of files) {
      expect(path).toMatch(/^charts\/[a-z0-9-]+\.svg$/);
      expect(text).toMatch(/^<svg [^>]+><style>@media screen and \(prefers-color-scheme: dark\)/);
    }
  });
});

describe('markdown', () => {
  it('has the tables, what they were measured on, and the emulation', () => {
    const text = resultsMarkdown(results);
    expect(text).toContain(
      'Measured 2026-01-02 on Made-up CPU, 2 cores, node 20.19.0, linux x64, load average 0.10',
    );
    expect(text).toContain('No real GPU: gpujs:webgl2 emulated by software.');
    expect(text).toContain('### decode on gpujs:webgl2 (emulated GPU)');
    expect(text).toMatch(/\| GRP \| [\d.]+ ms · 0\.\d+× \[/);
  });

  it('replaces what stands between the marks, and nothing else', () => {
    const document = 'Before.\n<!-- bench:start -->\nold\n<!-- bench:end -->\nAfter.\n';
    const once = replaceMarked(document, 'new', 'B.md');
    expect(once).toBe('Before.\n<!-- bench:start -->\n\nnew\n\n<!-- bench:end -->\nAfter.\n');
    expect(replaceMarked(once, 'new', 'B.md')).toBe(once);
    expect(() => replaceMarked('no marks', 'new', 'B.md')).toThrow(
      'B.md must have one <!-- bench:start --> and one <!-- bench:end --> after it; the tables go between them',
    );
  });
});
