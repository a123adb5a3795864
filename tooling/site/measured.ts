import { readFileSync } from 'node:fs';
import { type AttentionVariant, configure } from '../../packages/attention-variants/src/index.ts';

/** A table of BENCHMARKS.md, with the headings above it. */
export interface MeasuredTable {
  readonly title: string;
  /** The sentences under its heading: what was measured, at which shape, where. */
  readonly about: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const file = new URL('../../BENCHMARKS.md', import.meta.url);

/** The committed figures. @throws {Error} if BENCHMARKS.md has no table: its form has changed. */
export function measuredTables(text: string = readFileSync(file, 'utf8')): readonly MeasuredTable[] {
  const tables: MeasuredTable[] = [];
  let [chapter, section] = ['', ''];
  let about: string[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.startsWith('### ')) [section, about] = [line.slice(4), []];
    else if (line.startsWith('## ')) [chapter, section, about] = [line.slice(3), '', []];
    else if (/^\| --- /.test(line)) {
      const rows: string[][] = [];
      const head = cellsOf(lines[i - 1]!);
      while (lines[i + 1]?.startsWith('|')) rows.push(cellsOf(lines[++i]!));
      tables.push({
        title: [chapter, section].filter(Boolean).join(': '),
        about: about.join(' '),
        head,
        rows,
      });
    } else if (line.trim() !== '' && !line.startsWith('|') && !line.startsWith('<!--'))
      about.push(line.trim());
  }
  if (tables.length === 0) throw new Error('BENCHMARKS.md has no tables');
  return tables;
}

/** On which machine and when, in the words of BENCHMARKS.md. */
export function measuredOn(text: string = readFileSync(file, 'utf8')): string {
  const line = /^Measured .*$/m.exec(text)?.[0];
  if (!line) throw new Error('BENCHMARKS.md does not say where it was measured');
  return line;
}

/** As the benchmark shows it: `GQA`. The same rule as `shortTitle` there. */
export function shortOf({ title, name }: AttentionVariant): string {
  return /\(([^()]{2,8})\)/.exec(title)?.[1] ?? name;
}

/** `12.6× [12.1, 12.9]` or `0.08× [0.07, 0.09]` of a cell: the ratio to the baseline and its interval. */
export function ratioOf(cell: string): { ratio: number; low: number; high: number } | undefined {
  const match = /([\d.]+)× \[([\d.]+), ([\d.]+)\]/.exec(cell);
  return match ? { ratio: Number(match[1]), low: Number(match[2]), high: Number(match[3]) } : undefined;
}

/** A variant in the picture of the trade-off: memory and decode time as shares of the baseline's. */
export interface TradeOff {
  readonly label: string;
  /** Bytes that all layers keep, of those of multi-head attention. */
  readonly memory: number;
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** Where and how the points of the trade-off were measured. */
export interface TradeOffs {
  readonly context: string;
  readonly tokens: number;
  readonly points: readonly TradeOff[];
}

/**
 * Of each variant, its decode time at the longest context measured, from BENCHMARKS.md, and the memory of its caches there
 * at the same shape, from `kv`.
 *
 * @throws {Error} if BENCHMARKS.md has no table of decode times, or it does not name its shape.
 */
export function tradeOffs(variants: readonly AttentionVariant[]): TradeOffs {
  const table = measuredTables().find(({ title }) => /Equal shape: decode on/.test(title));
  const shape = /E=(\d+) H=(\d+) D=(\d+) layers=(\d+)/.exec(table?.about ?? '');
  if (!table || !shape) throw new Error('BENCHMARKS.md has no table of decode times at equal shape');
  const [E, H, D, layers] = shape.slice(1).map(Number) as [number, number, number, number];
  const context = table.head.at(-1)!;
  const tokens = tokensOf(context);
  const bytes = (variant: AttentionVariant): number => {
    const attention = configure(variant);
    return Array.from({ length: layers }, (_, layer) => attention.kv({ E, H, D, layers }, layer)).reduce(
      (sum, { rows, constant, cap }) => sum + sizes(rows) * Math.min(tokens, cap) + sizes(constant),
      0,
    );
  };
  const most = bytes(variants[0]!);
  const points = variants.flatMap((variant): TradeOff[] => {
    const label = shortOf(variant);
    const cell = table.rows.find(([name]) => name === label)?.at(-1);
    if (cell === undefined) return [];
    const time = variant === variants[0] ? { ratio: 1, low: 1, high: 1 } : ratioOf(cell);
    return time ? [{ label, memory: bytes(variant) / most, ...time }] : [];
  });
  return { context: `${table.title.split(': ')[1]}, ${context}`, tokens, points };
}

function tokensOf(head: string): number {
  const match = /^(\d+)(k?) tokens$/.exec(head);
  if (!match) throw new Error(`BENCHMARKS.md: "${head}" names no number of tokens`);
  return Number(match[1]) * (match[2] ? 1024 : 1);
}

function sizes(of: Readonly<Record<string, readonly number[]>>): number {
  return Object.values(of).reduce((sum, size) => sum + size.reduce((a, b) => a * b, 1), 0);
}

function cellsOf(line: string): string[] {
  return line
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}
