import { findingsNote, findingsOf } from '../findings.ts';
import { formatDuration } from '../format.ts';
import type { Results } from '../results.ts';
import { type Chart, escapeXml } from './draw.ts';
import { glossary } from './glossary.ts';
import { methodHtml } from './method.ts';
import { styleSheet } from './style.ts';
import type { ReportTable } from './table.ts';
import { reportTables } from './tables.ts';

export interface ReportExtras {
  /** What changed against another run. */
  readonly changes?: { readonly chart: Chart | undefined; readonly notes: readonly string[] } | undefined;
}

/**
 * The report as one file that opens from disk: no network, no script needed to read it. Scripts only add a switch
 * between light and dark.
 */
export function reportHtml(results: Results, charts: readonly Chart[], extras: ReportExtras = {}): string {
  const sections = sectionsOf(results, charts, extras).filter(({ body }) => body !== '');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Headwise benchmark, ${escapeXml(results.machine.cpu)}</title>
<style>${styleSheet()}</style>
</head>
<body>
<main>
<header>
<h1>What attention variants cost and save on this machine</h1>
<p class="muted">${escapeXml(subtitle(results))} <button type="button" id="theme" hidden>Light or dark</button></p>
${results.partial ? '<p class="note"><strong>Interrupted.</strong> What is here was measured in full; rows that were not reached say so.</p>' : ''}
${emulationNote(results)}
</header>
${contents(sections)}
${sections.map(sectionHtml).join('\n')}
</main>
<script>${themeScript}</script>
</body>
</html>
`;
}

interface Section {
  readonly title: string;
  /** Empty for nothing to show. */
  readonly body: string;
}

function sectionsOf(results: Results, charts: readonly Chart[], { changes }: ReportExtras): Section[] {
  const { main, validity, devices, quality, rasp } = sorted(charts);
  const tables = reportTables(results);
  const figures = (list: readonly Chart[]): string => list.map(figureHtml).join('\n');
  const all = (list: readonly ReportTable[]): string => list.map((table) => tableHtml(table)).join('\n');
  const notes = (changes?.notes ?? []).map((note) => `<p class="note">${escapeXml(note)}</p>`).join('');
  return [
    { title: 'Findings', body: findingsHtml(results) },
    { title: 'Against the other run', body: `${notes}${figures(changes?.chart ? [changes.chart] : [])}` },
    { title: 'Short names', body: all(glossary(results)) },
    { title: 'Equal shape: same heads, same widths', body: figures(main) },
    { title: 'Equal shape in numbers', body: all(tables.equalShape) },
    { title: 'The same decoder with each variant', body: all(tables.model) },
    {
      title: 'Quality: the same decoder trained with each variant',
      body: `${figures(quality)}${all(tables.quality)}`,
    },
    { title: 'Claims of papers', body: all(tables.claims) },
    {
      title: 'Longer texts than in training: which algorithms are learnt',
      body: `${figures(rasp)}${all(tables.rasp)}`,
    },
    { title: 'Memory of real models', body: all(tables.memory) },
    { title: 'Caches', body: all(tables.cache) },
    {
      title: 'Devices and their limits',
      body: devices.length > 0 ? `${figures(devices)}${all(tables.work)}` : '',
    },
    { title: 'Can these numbers be trusted?', body: figures(validity) },
    { title: 'What ran', body: all(tables.environment) },
    { title: 'Every row', body: tables.rows.map(folded).join('\n') },
    { title: 'How it was measured', body: methodHtml(results) },
  ];
}

function findingsHtml(results: Results): string {
  const findings = findingsOf(results);
  if (findings.length === 0) return '';
  const items = findings.map((finding) => `<li>${escapeXml(finding)}</li>`).join('');
  return `<ol class="findings">${items}</ol><p class="muted">Each sentence is computed from the rows below.${results.rows.length > 0 ? ` ${escapeXml(findingsNote(results))}` : ''}</p>`;
}

/** What is where: the report is many screens long. */
function contents(sections: readonly Section[]): string {
  const items = sections.map(({ title }) => `<li><a href="#${slug(title)}">${escapeXml(title)}</a></li>`);
  return `<nav aria-label="Contents"><ol>${items.join('')}</ol></nav>`;
}

function sectionHtml({ title, body }: Section): string {
  return `<section id="${slug(title)}"><h2>${escapeXml(title)}</h2>${body}</section>`;
}

function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** The chart as a file of its own: light, and dark where the reader's system is. */
export function svgFile(chart: Chart): string {
  return chart.svg.replace(/>/, `><style>${styleSheet('svg')}</style>`);
}

function sorted(
  charts: readonly Chart[],
): Record<'main' | 'validity' | 'devices' | 'quality' | 'rasp', readonly Chart[]> {
  const of = (test: RegExp): Chart[] => charts.filter(({ id }) => test.test(id));
  return {
    main: of(/^(?!devices|roofline|control|changes|quality|rasp)/),
    quality: of(/^quality/),
    rasp: of(/^rasp/),
    devices: of(/^(devices|roofline)/),
    validity: of(/^control/),
  };
}

function subtitle({ machine, devices, startedAt, seconds, profile }: Results): string {
  const ran = devices.filter(({ engine }) => engine !== undefined).map(({ name }) => name);
  return `${machine.cpu}, ${machine.cores} cores, ${machine.runtime}, ${machine.system} · ${startedAt.slice(0, 16).replace('T', ' ')} UTC · ${profile} profile, ${formatDuration(seconds * 1000)} · ${ran.join(', ')}`;
}

function emulationNote({ devices }: Results): string {
  const emulated = devices.filter((device) => device.emulated).map(({ name }) => name);
  if (emulated.length === 0) return '';
  return `<p class="note"><strong>No real GPU behind ${escapeXml(emulated.join(', '))}.</strong> Software on the CPU emulates one there: results are right, times say nothing about a GPU. Each row and chart repeats it.</p>`;
}

/** One chart with its title, caption and table. */
export function figureHtml(chart: Chart): string {
  return `<figure>
<h3>${escapeXml(chart.title)}</h3>
${scroller(chart.title, chart.svg)}
<figcaption>${escapeXml(chart.caption)}</figcaption>
<details><summary>The same numbers as a table</summary>${tableHtml({ title: '', ...chart.table }, `${chart.title}, in numbers`)}</details>
</figure>`;
}

/** What may be wider than the page: reached by Tab and scrolled by arrow keys, so it has a name. */
function scroller(name: string, inside: string): string {
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escapeXml(name)}">${inside}</div>`;
}

/**
 * One table with its heading.
 *
 * @param name for those who do not see where it stands; default its title
 */
export function tableHtml({ title, note, head, rows }: ReportTable, name: string = title): string {
  const cell = (text: string, column: number): string =>
    column === 0
      ? `<th scope="row">${escapeXml(text)}</th>`
      : `<td${text.length < 24 ? ' class="short"' : ''}>${escapeXml(text)}</td>`;
  return `${title ? `<h3>${escapeXml(title)}</h3>` : ''}${note ? `<p class="muted">${escapeXml(note)}</p>` : ''}
${scroller(
  name,
  `<table><thead><tr>${head.map((column) => `<th scope="col">${escapeXml(column)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</tbody></table>`,
)}`;
}

function folded(table: ReportTable): string {
  return `<details><summary>${escapeXml(table.title)}, ${table.rows.length} rows</summary>${tableHtml({ ...table, title: '' }, table.title)}</details>`;
}

const themeScript = `
const button = document.getElementById('theme');
button.hidden = false;
button.addEventListener('click', () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
});`;
