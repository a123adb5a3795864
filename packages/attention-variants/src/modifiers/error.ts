import { KnownError } from '@headwise/tensor';

/**
 * A modifier leaves the dialect that every device compiles. The message shows the place and says the cure; the
 * same facts are fields, so that an editor can underline it.
 */
export class ModifierError extends KnownError {
  static override readonly kind: string = '@headwise/attention-variants/ModifierError';
  override readonly name = 'ModifierError';
  readonly problem: string;
  /** What to write instead. */
  readonly cure: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;

  constructor(source: string, [start, end]: readonly [number, number], problem: string, cure: string) {
    const before = source.slice(0, start);
    const line = before.split('\n').length;
    const column = start - before.lastIndexOf('\n');
    super(`modifier ${line}:${column}: ${problem}\n${frame(source, line, column, end - start)}\n${cure}`);
    this.problem = problem;
    this.cure = cure;
    this.line = line;
    this.column = column;
  }
}

function frame(source: string, line: number, column: number, length: number): string {
  const lines = source.split('\n');
  const first = Math.max(1, line - 1);
  const last = Math.min(lines.length, line + 1);
  const width = String(last).length;
  const rows: string[] = [];
  for (let n = first; n <= last; n++) {
    const text = lines[n - 1]!;
    rows.push(`${n === line ? '>' : ' '} ${String(n).padStart(width)} | ${text}`);
    if (n !== line) continue;
    const marks = Math.max(1, Math.min(length, text.length - column + 1));
    rows.push(`  ${' '.repeat(width)} | ${' '.repeat(column - 1)}${'^'.repeat(marks)}`);
  }
  return rows.join('\n');
}
