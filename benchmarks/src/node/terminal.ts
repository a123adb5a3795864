import Table from 'cli-table3';
import type { Change, Comparison } from '../compare.ts';
import { formatEstimate, formatInterval, formatMs, formatPercent, formatRatio } from '../format.ts';
import { claimOutcomes } from '../report/quality-tables.ts';
import type { ReportTable } from '../report/table.ts';
import { reportTables } from '../report/tables.ts';
import type { Results, Row } from '../results.ts';
import {
  countsLabel,
  distinct,
  isTimed,
  placeLabel,
  ratioToBaseline,
  rowLabel,
  rowsOf,
  sizesLabel,
  subjectLabel,
} from '../views.ts';

/**
 * The terminal's tables: attention by device and phase, the decoders, the work on every device; caches and the memory of
 * real models where they were asked for alone. All of them are in the report.
 */
export function terminalTables(results: Results, width: number): string {
  const attention = rowsOf(results, { suite: 'attention' });
  const groups = distinct(attention, ({ device, phase, batch }) => `${device} ${phase} ${batch}`);
  const tables = groups.map((key) => {
    const rows = attention.filter(({ device, phase, batch }) => `${device} ${phase} ${batch}` === key);
    return attentionTable(results, rows, width);
  });
  const { model, work, cache, memory, quality, rasp } = reportTables(results);
  const alone = attention.length === 0 && model.length === 0 ? [...cache, ...memory] : [];
  return [
    ...tables,
    wrapped(countsLabel(results, attention), width),
    ...model.map((table) => draw(shortModel(table), width)),
    ...[...work, ...alone, ...quality, ...rasp].map((table) => draw(broken(table), width)),
    ...claimOutcomes(results).map((table) => draw(apart(table), width)),
    problems(results),
  ]
    .filter((text) => text !== '')
    .join('\n\n');
}

/** Every figure on a line of its own. */
function apart(table: ReportTable): ReportTable {
  return { ...table, rows: table.rows.map((row) => row.map((text) => text.replaceAll('; ', '\n'))) };
}

function attentionTable(results: Results, rows: readonly Row[], width: number): string {
  const contexts = distinct(rows, ({ context }) => context);
  const first = rows[0]!;
  const subjects = distinct(rows, ({ subject }) => subject);
  return draw(
    {
      title: `${first.phase} on ${placeLabel(first)}: ms per layer, ratio to ${baselineLabel(results)}; ${sizesLabel(first)}`,
      head: ['tokens', ...contexts.map(String)],
      rows: subjects.map((subject) => [
        subjectLabel(results, subject),
        ...contexts.map((context) => {
          const row = rows.find(
            (candidate) => candidate.subject === subject && candidate.context === context,
          );
          return row ? cell(results, row) : '';
        }),
      ]),
    },
    width,
  );
}

function baselineLabel(results: Results): string {
  const baseline = results.variants.find((variant) => variant.baseline);
  return baseline ? subjectLabel(results, baseline.name) : 'the baseline';
}

/** Two lines: the time, and the ratio with its interval. */
function cell(results: Results, row: Row): string {
  if (!isTimed(row)) return row.status.replaceAll('-', ' ');
  const ratio = ratioToBaseline(results, row);
  return `${formatMs(row.summary.median)}\n${ratio ? `${formatRatio(ratio.median)} ${formatInterval(ratio)}` : 'baseline'}`;
}

function shortModel({ title, note = '', head, rows }: ReportTable): ReportTable {
  const columns = [0, 1, 3, 5, 6];
  const pick = (cells: readonly string[]): string[] => columns.map((column) => short(cells[column] ?? ''));
  return {
    title: `decoder, ${title.charAt(0).toLowerCase()}${title.slice(1)}; ${/E=[^.;]*/.exec(note)?.[0] ?? ''}`,
    head: pick(head),
    rows: rows.map(pick),
  };
}

/** Each figure over its ratio, and no more than the name of a reason: both as in the other tables. */
function broken({ title, note, head, rows }: ReportTable): ReportTable {
  return { title, ...(note !== undefined && { note }), head, rows: rows.map((cells) => cells.map(short)) };
}

const short = (text: string): string => text.replace(' · ', '\n').replace(/^([a-z ]+): .*/s, '$1');

/** Rows without a time, each reason once. */
function problems(results: Results): string {
  const reasons = new Map<string, Row[]>();
  for (const row of results.rows) {
    if (isTimed(row)) continue;
    const key = `${row.status.replaceAll('-', ' ')}: ${row.reason ?? ''}`;
    reasons.set(key, [...(reasons.get(key) ?? []), row]);
  }
  const missing = results.devices.flatMap(({ name, unavailable }) =>
    unavailable ? [`${name} is not here: ${unavailable}`] : [],
  );
  const untrained = (results.quality?.cells ?? []).flatMap(({ subject, status, reason }) =>
    reason === undefined ? [] : `${subjectLabel(results, subject)} trained: ${status}: ${reason}`,
  );
  const untaught = (results.rasp?.cells ?? []).flatMap(({ id, status, reason }) =>
    reason === undefined ? [] : `${id}: ${status}: ${reason}`,
  );
  return [
    ...missing,
    ...new Set(untrained),
    ...untaught,
    ...[...reasons].map(([reason, rows]) => {
      const more = rows.length > 1 ? ` and ${rows.length - 1} more rows` : '';
      return `${rowLabel(results, rows[0]!)}${more}: ${reason}`;
    }),
  ].join('\n');
}

/** What changed against another run. */
export function changesTable(
  results: Results,
  { changes, compared, unmatched, warnings, agreement }: Comparison,
  width: number,
): string {
  const words = { faster: '▼ faster', slower: '▲ slower', undecided: '○ not told apart' };
  // a baseline has nothing to be judged by: its time is shown, below the others
  const rank = ({ relative }: Change): number => relative?.median ?? 0;
  const table = draw(
    {
      title: `this run ÷ the other: ${compared} ratios to the baseline, whose intervals are all right at once with 95 %`,
      head: ['row', 'ratio to the baseline', 'verdict', 'time'],
      rows: [...changes]
        .sort((a, b) => rank(b) - rank(a))
        .map(({ row, relative, time, verdict, fails }) => [
          rowLabel(results, row),
          relative ? formatEstimate(relative) : '',
          relative ? `${words[verdict]}${fails ? ', beyond the bound' : ''}` : 'no baseline of its own',
          formatRatio(time.median),
        ]),
    },
    width,
  );
  const { pairs, agree, overlap, mutual } = agreement;
  const share = (count: number): string => `${count} (${formatPercent(count / pairs)})`;
  const notes = [
    ...(pairs === 0
      ? []
      : [
          `ratios between variants in both runs: ${pairs}; agree within their intervals: ${share(agree)}; ` +
            `intervals overlap: ${share(overlap)}; each inside the other’s: ${share(mutual)}`,
        ]),
    ...warnings.map((warning) => `note: the runs differ in ${warning}`),
    ...(unmatched.length > 0 ? [`${unmatched.length} rows have a time in one run only`] : []),
  ];
  return [table, ...notes].join('\n');
}

/** Whole words, in lines no longer than the terminal. */
function wrapped(text: string, width: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n');
}

/** A table as wide as it needs; with fewer lines around it where the terminal is narrow. */
function draw({ title, note, head, rows }: ReportTable, width: number): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    ...(width < 100 && {
      chars: { left: '', right: '', middle: ' ', mid: '', 'left-mid': '', 'right-mid': '' },
    }),
  });
  table.push(...rows.map((row) => [...row]));
  return `${title}\n${note === undefined ? '' : `${wrapped(note, width)}\n`}${table.toString()}`;
}
