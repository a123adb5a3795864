import { findingsOf } from '../findings.ts';
import { formatDuration } from '../format.ts';
import type { Results } from '../results.ts';
import { type Chart, escapeXml } from './draw.ts';
import { methodHtml } from './method.ts';
import { styleSheet } from './style.ts';
import { type ReportTable, reportTables } from './tables.ts';

export interface ReportExtras {
  /** What changed against another run. */
  readonly changes?: { readonly chart: Chart | undefined; readonly notes: readonly string[] } | undefined;
}

/**
 * The report as one file that opens from disk: no network, no script needed to read it. Scripts only add a switch
 * between light and dark.
 */
export function reportHtml(results: Results, charts: readonly Chart[], extras: ReportExtras = {}): string {
  const { main, validity, devices } = sorted(charts);
  const tables = reportTables(results);
  const findings = findingsOf(results);
  const changes = extras.changes?.chart ? [extras.changes.chart] : [];
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
${
  findings.length > 0
    ? section(
        'Findings',
        `<ol class="findings">${findings
          .map((finding) => `<li>${escapeXml(finding)}</li>`)
          .join('')}</ol><p class="muted">Each sentence is computed from the rows below.</p>`,
      )
    : ''
}
${
  changes.length > 0 || extras.changes
    ? section(
        'Against the other run',
        `${(extras.changes?.notes ?? []).map((note) => `<p class="note">${escapeXml(note)}</p>`).join('')}${changes.map(figureHtml).join('\n')}`,
      )
    : ''
}
${main.length > 0 ? section('Equal shape: same heads, same widths', main.map(figureHtml).join('\n')) : ''}
${tables.equalShape.length > 0 ? section('Equal shape in numbers', tables.equalShape.map(tableHtml).join('\n')) : ''}
${tables.model.length > 0 ? section('The same decoder with each variant', tables.model.map(tableHtml).join('\n')) : ''}
${tables.memory.length > 0 ? section('Memory of real models', tables.memory.map(tableHtml).join('\n')) : ''}
${tables.cache.length > 0 ? section('Caches', tables.cache.map(tableHtml).join('\n')) : ''}
${devices.length > 0 ? section('Devices and their limits', `${devices.map(figureHtml).join('\n')}${tables.work.map(tableHtml).join('\n')}`) : ''}
${validity.length > 0 ? section('Can these numbers be trusted?', validity.map(figureHtml).join('\n')) : ''}
${section('What ran', tables.environment.map(tableHtml).join('\n'))}
${section('Every row', tables.rows.map(folded).join('\n'))}
${section('How it was measured', methodHtml(results))}
</main>
<script>${themeScript}</script>
</body>
</html>
`;
}

/** The chart as a file of its own: light, and dark where the reader's system is. */
export function svgFile(chart: Chart): string {
  return chart.svg.replace(/>/, `><style>${styleSheet('svg')}</style>`);
}

function sorted(charts: readonly Chart[]): { main: Chart[]; validity: Chart[]; devices: Chart[] } {
  const of = (test: RegExp): Chart[] => charts.filter(({ id }) => test.test(id));
  return {
    main: of(/^(?!devices|roofline|control|changes)/),
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

function section(title: string, body: string): string {
  return `<section><h2>${escapeXml(title)}</h2>${body}</section>`;
}

/** One chart with its title, caption and table. */
export function figureHtml(chart: Chart): string {
  return `<figure>
<h3>${escapeXml(chart.title)}</h3>
<div class="scroll">${chart.svg}</div>
<figcaption>${escapeXml(chart.caption)}</figcaption>
<details><summary>The same numbers as a table</summary>${tableHtml({ title: '', ...chart.table })}</details>
</figure>`;
}

/** One table with its heading. */
export function tableHtml({ title, note, head, rows }: ReportTable): string {
  const cell = (text: string, column: number): string =>
    column === 0
      ? `<th scope="row">${escapeXml(text)}</th>`
      : `<td${text.length < 24 ? ' class="short"' : ''}>${escapeXml(text)}</td>`;
  return `${title ? `<h3>${escapeXml(title)}</h3>` : ''}${note ? `<p class="muted">${escapeXml(note)}</p>` : ''}
<div class="scroll"><table><thead><tr>${head.map((name) => `<th scope="col">${escapeXml(name)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</tbody></table></div>`;
}

function folded(table: ReportTable): string {
  return `<details><summary>${escapeXml(table.title)}, ${table.rows.length} rows</summary>${tableHtml({ ...table, title: '' })}</details>`;
}

const themeScript = `
const button = document.getElementById('theme');
button.hidden = false;
button.addEventListener('click', () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
});`;
