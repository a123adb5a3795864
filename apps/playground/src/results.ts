import { findingsOf, type Results } from 'benchmarks';
import { download } from './elements.ts';

/** Shows results: findings, charts, tables, and the files to keep. The chart library comes with the first of them. */
export async function showResults(results: Results, place: HTMLElement): Promise<void> {
  const { drawCharts, figureHtml, reportFiles, reportTables, tableHtml } = await import('benchmarks/report');
  const { environment, equalShape, model, memory, cache } = reportTables(results);
  const findings = Object.assign(document.createElement('ol'), { className: 'findings' });
  for (const finding of findingsOf(results))
    findings.append(Object.assign(document.createElement('li'), { textContent: finding }));
  const html = [
    '<h2>Charts</h2>',
    ...drawCharts(results).map(figureHtml),
    '<h2>Tables</h2>',
    ...[...equalShape, ...model, ...cache, ...memory, ...environment].map((table) => tableHtml(table)),
  ];
  const body = document.createElement('div');
  body.innerHTML = html.join('\n'); // escaped by the report
  place.replaceChildren(heading(results), findings, actions(results, reportFiles), body);
  place.hidden = false;
}

function heading({ partial }: Results): HTMLElement {
  const text = partial ? 'Findings so far (the run was stopped)' : 'Findings';
  return Object.assign(document.createElement('h2'), { textContent: text });
}

function actions(
  results: Results,
  files: (results: Results) => readonly { readonly path: string; readonly text: string }[],
): HTMLElement {
  const row = Object.assign(document.createElement('p'), { className: 'actions' });
  const offer = (label: string, path: string, type: string): void => {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: label });
    button.addEventListener('click', () => {
      const file = files(results).find((one) => one.path === path)!;
      download(path, file.text, type);
    });
    row.append(button);
  };
  offer('Save the report', 'report.html', 'text/html');
  offer('Save the samples', 'results.json', 'application/json');
  return row;
}
