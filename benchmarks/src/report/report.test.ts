import { describe, expect, it } from 'vitest';
import { compareResults } from '../compare.ts';
import { findingsOf } from '../findings.ts';
import { terminalTables } from '../node/terminal.ts';
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

  it('names everything that scrolls, lets keys reach it, and has no empty header', () => {
    const scrollers = [...html.matchAll(/<div class="scroll"([^>]*)>/g)].map(([, attributes]) => attributes);
    expect(scrollers.length).toBeGreaterThan(20);
    for (const attributes of scrollers)
      expect(attributes).toMatch(/^ tabindex="0" role="group" aria-label="[^"]+"$/);
    expect(html).not.toMatch(/<th[^>]*><\/th>/);
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

  it('begins with what is where: every section, in order', () => {
    const titles = [...html.matchAll(/<section id="([^"]+)"><h2>([^<]+)</g)].map(([, id, title]) => [
      id,
      title,
    ]);
    const listed = [...html.matchAll(/<li><a href="#([^"]+)">([^<]+)</g)].map(([, id, title]) => [id, title]);
    expect(titles.length).toBeGreaterThan(8);
    expect(listed).toEqual(titles);
    expect(new Set(titles.map(([id]) => id)).size).toBe(titles.length);
    expect(html.indexOf('<nav')).toBeLessThan(html.indexOf('<section'));
  });

  it('says what each short name stands for', () => {
    const names = html.slice(
      html.indexOf('<section id="short-names">'),
      html.indexOf('<section id="equal-shape'),
    );
    for (const [short, full] of [
      ['PLA', 'Plain attention: '],
      ['SHA', 'Shared attention: '],
      ['p10, p90', 'one sample in ten'],
      ['E, H, Hkv, D, V', 'model width'],
    ])
      expect(names).toMatch(new RegExp(`<th scope="row">${short}</th><td[^>]*>${full}`));
  });

  it('says from how many comparisons its sentences are picked, and how that is made good', () => {
    expect(html).toContain('Differences are picked from 19 comparisons');
    expect(html).toContain('1 − 0.05/19');
  });

  it('shows the waiting that was taken off, by device', () => {
    const waited = {
      ...results,
      rows: results.rows.map((row) => ({ ...row, waitMs: row.emulated ? 1.5 : 0.002 })),
    };
    const text = file('report.html', waited);
    expect(text).toMatch(
      /gpujs:webgl2<\/th><td[^>]*>webgl2<\/td><td[^>]*>emulated by software<\/td><td[^>]*>1\.50 ms</,
    );
    expect(text).toMatch(/<td[^>]*>2\.00 µs</);
  });

  it('names shape and window where times are', () => {
    const windowed = {
      ...results,
      rows: results.rows.map((row) =>
        row.subject === 'windowed'
          ? { ...row, options: { window: 512, causal: true, sinks: Infinity } }
          : row,
      ),
    };
    expect(file('report.html', windowed)).toContain(
      'E=256 H=8 D=32 layers=4; WIN window 512; gpujs:webasm asked for',
    );
    expect(terminalTables(windowed, 120)).toMatch(
      /^decode on gpujs:webasm: ms per layer, ratio to PLA; E=256 H=8 D=32 layers=4\n.*\n\nWIN window 512\n/ms,
    );
  });

  it('gives every row its time, n, interval and check, and marks those of a software GPU', () => {
    const rows = html.slice(html.indexOf('<section id="every-row">'));
    expect(rows.match(/webgl2 \(emulated GPU\)/g)!.length).toBeGreaterThanOrEqual(48);
    expect(rows.match(/✓ 1e-7/g)).toHaveLength(96);
    expect(rows.slice(0, rows.indexOf('</section>'))).toContain('again');
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
    const worse = sampleResults({ worse: { grouped: 2 }, seed: 3, rounds: 20 });
    const comparison = compareResults(worse, sampleResults({ rounds: 20 }));
    const html = file('report.html', results, comparison);
    expect(html).toContain(
      'Against their baseline 16 rows are slower than in the other run, 0 faster, 51 not',
    );
    expect(html).toContain('With 95 % all 67 intervals are right at once');
    const drawn = file('charts/changes.svg', results, comparison).match(/>[^<]* · gpujs:/g) ?? [];
    expect(comparison.compared).toBe(67);
    expect(drawn).toHaveLength(40);
  });
});

describe('several sequences at once', () => {
  const both = ((): typeof results => {
    const more = sampleResults({ seed: 5, worse: { grouped: 3 } }).rows.filter(
      ({ suite }) => suite === 'attention',
    );
    const named = (text: string): string => text.replace('/b1', '/b4');
    const batched = more.map((row) => ({
      ...row,
      id: named(row.id),
      group: named(row.group),
      batch: 4,
      ...(row.baseline && { baseline: named(row.baseline) }),
    }));
    return { ...results, rows: [...results.rows, ...batched] };
  })();

  it('have findings of their own, which say so', () => {
    const decode = findingsOf(both).filter((finding) => finding.startsWith('Decode'));
    expect(decode).toHaveLength(2);
    expect(decode[0]).toMatch(/^Decode at 2k tokens on gpujs:webasm, against PLA: faster by WIN .*GRP/);
    expect(decode[1]).toMatch(/^Decode at 2k tokens × 4 sequences on gpujs:webasm, .*slower by GRP 2\./);
    expect(findingsOf(both)[0]).toMatch(
      /^Memory at 2k tokens: of PLA’s KV bytes are kept by ONE 1\/8, GRP 1\/4, WIN/,
    );
  });

  it('have charts of their own, one line a variant', () => {
    const charts = drawCharts(both);
    expect(charts.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'decode-gpujs-webasm',
        'decode-gpujs-webasm-b4',
        'trade-off-gpujs-webasm-b4',
        'roofline-gpujs-webasm-b4',
      ]),
    );
    expect(charts.find(({ id }) => id === 'decode-gpujs-webasm')!.svg).toBe(
      drawCharts(results).find(({ id }) => id === 'decode-gpujs-webasm')!.svg,
    );
    expect(charts.find(({ id }) => id === 'trade-off-gpujs-webasm-b4')!.title).toContain('× 4 sequences');
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
