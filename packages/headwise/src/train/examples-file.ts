import { readFileSync } from 'node:fs';
import { FormatError } from '@headwise/models';

/** A text and its class. */
export interface LabelledText {
  readonly text: string;
  readonly label: string;
}

/**
 * Texts with labels from a `.jsonl` (an object a line) or a `.csv` (RFC 4180, names in its first line).
 * @throws {FormatError} naming the line that has no text or no label.
 */
export function readExamples(
  file: string,
  fields: { readonly text: string; readonly label: string },
): readonly LabelledText[] {
  const content = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  const rows = file.endsWith('.csv') ? rowsOfCsv(file, content) : rowsOfJsonl(file, content);
  return rows.map(({ line, row }) => {
    const [text, label] = [row[fields.text], row[fields.label]];
    if (
      typeof text !== 'string' ||
      text.trim() === '' ||
      !['string', 'number', 'boolean'].includes(typeof label)
    )
      throw new FormatError(
        file,
        `line ${line} must have a text "${fields.text}" and a label "${fields.label}", it has ${Object.keys(row).join(', ') || 'nothing'}`,
      );
    return { text, label: String(label) };
  });
}

interface Row {
  /** From 1. */
  readonly line: number;
  readonly row: Readonly<Record<string, unknown>>;
}

function rowsOfJsonl(file: string, content: string): readonly Row[] {
  return content.split('\n').flatMap((text, i) => {
    if (text.trim() === '') return [];
    try {
      const row: unknown = JSON.parse(text);
      if (typeof row === 'object' && row !== null && !Array.isArray(row))
        return [{ line: i + 1, row: row as Record<string, unknown> }];
    } catch {
      // told below, with its line
    }
    throw new FormatError(file, `line ${i + 1} must be a JSON object`);
  });
}

function rowsOfCsv(file: string, content: string): readonly Row[] {
  const rows: { line: number; cells: string[] }[] = [];
  let [line, cell, inQuotes] = [1, '', false];
  let current = { line: 1, cells: [] as string[] };
  const endRow = (): void => {
    current.cells.push(cell);
    if (current.cells.length > 1 || cell !== '') rows.push(current);
    cell = '';
    current = { line: line + 1, cells: [] };
  };
  for (let i = 0; i < content.length; i++) {
    const char = content[i]!;
    if (inQuotes) {
      if (char === '"' && content[i + 1] === '"') cell += content[++i];
      else if (char === '"') inQuotes = false;
      else cell += char;
    } else if (char === '"' && cell === '') inQuotes = true;
    else if (char === ',') {
      current.cells.push(cell);
      cell = '';
    } else if (char === '\n') endRow();
    else if (char !== '\r') cell += char;
    if (char === '\n') line += 1;
  }
  if (inQuotes)
    throw new FormatError(file, `the text that begins in line ${current.line} has no closing quote`);
  if (cell !== '' || current.cells.length > 0) endRow();
  const [names, ...others] = rows;
  return others.map(({ line: at, cells }) => ({
    line: at,
    row: Object.fromEntries((names?.cells ?? []).map((name, i) => [name, cells[i]])),
  }));
}
