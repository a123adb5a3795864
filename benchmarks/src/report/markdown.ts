import { findingsNote, findingsOf } from '../findings.ts';
import type { Results } from '../results.ts';
import type { ReportTable } from './table.ts';
import { reportTables } from './tables.ts';

const START = '<!-- bench:start -->';
const END = '<!-- bench:end -->';

/** The tables of a run as Markdown, with what they were measured on in the head. */
export function resultsMarkdown(results: Results): string {
  const { machine, startedAt, profile } = results;
  const { equalShape, model, memory, quality, claims, rasp } = reportTables(results);
  const emulated = results.devices.filter((device) => device.emulated).map(({ name }) => name);
  const commit = machine.commit
    ? `, commit ${machine.commit.slice(0, 10)}${machine.uncommitted ? ' with changes' : ''}`
    : '';
  const load = machine.loadAverage ? `, load average ${machine.loadAverage[0]!.toFixed(2)} at the start` : '';
  return [
    `Measured ${startedAt.slice(0, 10)} on ${machine.cpu}, ${machine.cores} cores, ${machine.runtime}, ${machine.system}${load}${commit}; ${profile} profile${results.partial ? ', interrupted' : ''}.`,
    ...(emulated.length > 0 ? [`No real GPU: ${emulated.join(', ')} emulated by software.`] : []),
    findingsOf(results)
      .map((finding) => `- ${finding}`)
      .join('\n'),
    ...(results.rows.length > 0 ? [findingsNote(results)] : []),
    ...(equalShape.length > 0 ? ['## Equal shape', ...equalShape.map(tableMarkdown)] : []),
    ...(quality.length > 0 ? ['## Trained', ...quality.map(tableMarkdown)] : []),
    ...(claims.length > 0 ? ['## Claims of papers', ...claims.map(tableMarkdown)] : []),
    ...(rasp.length > 0 ? ['## Longer texts than in training', ...rasp.map(tableMarkdown)] : []),
    ...(model.length > 0 ? ['## The same decoder', ...model.map(tableMarkdown)] : []),
    ...(memory.length > 0 ? ['## KV memory of real models', ...memory.map(tableMarkdown)] : []),
  ].join('\n\n');
}

/**
 * Puts text between the two marks of a document, and leaves the rest alone.
 * @throws {Error} if the document has not exactly one pair of them.
 */
export function replaceMarked(document: string, text: string, name: string): string {
  const parts = document.split(START);
  const [before, rest] = parts;
  const after = rest?.split(END);
  if (parts.length !== 2 || after?.length !== 2)
    throw new Error(`${name} must have one ${START} and one ${END} after it; the tables go between them`);
  return `${before}${START}\n\n${text}\n\n${END}${after[1]}`;
}

function tableMarkdown({ title, note, head, rows }: ReportTable): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    `### ${title}`,
    ...(note ? ['', note] : []),
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
  ].join('\n');
}
