import {
  digits,
  formatBytes,
  formatContext,
  formatCount,
  formatEstimate,
  formatInterval,
  formatMs,
  formatMsEstimate,
  formatPercent,
  formatRatio,
} from '../format.ts';
import type { DeviceFacts, Limit, Results, Row } from '../results.ts';
import { quantile } from '../statistics.ts';
import {
  countsLabel,
  deviceLabel,
  distinct,
  isTimed,
  ratesOf,
  ratioToBaseline,
  rowsOf,
  shareOfLimit,
  shortTitle,
  sizesLabel,
  subjectLabel,
} from '../views.ts';
import { claimTables, trainedTables } from './quality-tables.ts';
import { raspTables } from './rasp-tables.ts';
import type { ReportTable } from './table.ts';

/** The tables of the report by section. */
export interface ReportTables {
  readonly environment: readonly ReportTable[];
  readonly equalShape: readonly ReportTable[];
  readonly model: readonly ReportTable[];
  readonly memory: readonly ReportTable[];
  readonly cache: readonly ReportTable[];
  /** The same work on every device. */
  readonly work: readonly ReportTable[];
  readonly rows: readonly ReportTable[];
  /** What trained models came to. */
  readonly quality: readonly ReportTable[];
  readonly claims: readonly ReportTable[];
  /** Which algorithms generalise to longer texts. */
  readonly rasp: readonly ReportTable[];
}

export function reportTables(results: Results): ReportTables {
  return {
    environment: [machineTable(results), deviceTable(results), variantTable(results)],
    equalShape: attentionTables(results),
    model: modelTables(results),
    memory: memoryTables(results),
    cache: cacheTables(results),
    work: workTables(results),
    rows: rowTables(results),
    quality: trainedTables(results),
    claims: claimTables(results),
    rasp: raspTables(results),
  };
}

function machineTable({ machine, profile, seed, command, startedAt }: Results): ReportTable {
  const yes = (value: boolean | undefined): string =>
    value === undefined ? 'not known' : value ? 'yes' : 'no';
  const rows: [string, string][] = [
    ['processor', `${machine.cpu}, ${machine.cores} cores`],
    ['memory', machine.memoryBytes === undefined ? 'not known' : formatBytes(machine.memoryBytes)],
    ['system', machine.system],
    ['runtime', machine.runtime],
    [
      'load average at the start',
      machine.loadAverage?.map((load) => load.toFixed(2)).join(', ') ?? 'not known',
    ],
    ['step of the clock', formatMs(machine.clockStepMs)],
    ...(machine.isolated === undefined ? [] : [['isolated page', yes(machine.isolated)] as [string, string]]),
    ...(machine.visibility === undefined ? [] : [['page', machine.visibility] as [string, string]]),
    [
      'commit',
      machine.commit
        ? `${machine.commit}${machine.uncommitted ? ' with uncommitted changes' : ''}`
        : 'not known',
    ],
    [
      'versions',
      Object.entries(machine.versions)
        .map((pair) => pair.join(' '))
        .join(', '),
    ],
    ['run', `${profile} profile, seed ${seed}, started ${startedAt}${command ? `, ${command}` : ''}`],
  ];
  return { title: 'Machine', head: ['fact', 'value'], rows };
}

function deviceTable({ devices, rows }: Results): ReportTable {
  const limit = (of: Limit | undefined, unit: string): string =>
    of?.rate ? `${digits(of.rate.median)} ${unit} ${formatInterval(of.rate)}` : (of?.reason ?? '');
  const waiting = (device: DeviceFacts): string => {
    const waits = rows.flatMap((row) => (row.device === device.name ? (row.waitMs ?? []) : []));
    return waits.length === 0 ? '' : formatMs(quantile(waits, 0.5));
  };
  const ran = (device: DeviceFacts): string =>
    device.unavailable ? `not here: ${device.unavailable}` : (device.engine ?? 'nothing');
  return {
    title: 'Devices',
    note: 'Limits are measured in the same engine as the rows. Waiting alone is what asking the device whether it is done costs when it has nothing to do (on WebGL, reading one number back); it is taken off every call.',
    head: [
      'asked for',
      'ran',
      'GPU',
      'waiting alone',
      'multiply-add limit',
      'streaming-read limit',
      'details',
    ],
    rows: devices.map((device) => [
      device.name,
      ran(device),
      device.emulated ? 'emulated by software' : /webg|gl/.test(device.name) ? 'as the adapter says' : 'none',
      waiting(device),
      limit(device.limits?.fma, 'GFLOP/s'),
      limit(device.limits?.read, 'GB/s'),
      Object.entries(device.details)
        .map((pair) => pair.join(' '))
        .join(', '),
    ]),
  };
}

function variantTable({ variants, rows }: Results): ReportTable {
  const options = (name: string): string => {
    const used = rows.find(({ subject }) => subject === name)?.options ?? {};
    return Object.entries(used)
      .filter(([, value]) => value !== null && value !== Infinity) // no bound; null once it was a file
      .map(([option, value]) => `${option} ${JSON.stringify(value)}`)
      .join(', ');
  };
  return {
    title: 'Variants',
    note: 'Options that are left out follow from the shape.',
    head: ['shown as', 'variant', 'what it saves or costs', 'a layer keeps, a token', 'options', 'source'],
    rows: variants.map((variant) => [
      shortTitle(variant),
      `${variant.name}${variant.baseline ? ', the baseline' : ''}${variant.outside ? ', from outside' : ''}`,
      variant.summary,
      variant.keeps ?? '',
      options(variant.name),
      variant.paper,
    ]),
  };
}

/** One table per device, phase and batch: a line per variant, a column per context. */
export function attentionTables(results: Results): ReportTable[] {
  const rows = rowsOf(results, { suite: 'attention', comparison: 'equal-shape' });
  return distinct(rows, ({ device, phase, batch }) => `${device} ${phase} ${batch}`).map((key) => {
    const own = rows.filter(({ device, phase, batch }) => `${device} ${phase} ${batch}` === key);
    const { device, phase, batch } = own[0]!;
    const contexts = distinct(own, ({ context }) => context);
    const counts = countsLabel(results, own);
    return {
      title: `${phase} on ${deviceLabel(own[0]!)}${batch > 1 ? `, ${batch} sequences` : ''}`,
      note: `Median time of one layer, then the ratio to the baseline with its 95 % interval. ${sizesLabel(own[0]!)}${counts && `; ${counts}`}; ${device} asked for, ${own.find(({ engine }) => engine)?.engine ?? 'nothing'} ran.`,
      head: ['variant', ...contexts.map((context) => `${formatContext(context)} tokens`)],
      rows: distinct(own, ({ subject }) => subject).map((subject) => [
        subjectLabel(results, subject),
        ...contexts.map((context) =>
          cell(
            results,
            own.find((row) => row.subject === subject && row.context === context),
          ),
        ),
      ]),
    };
  });
}

/** What a row shows in a table: its time and ratio, or why it has none. */
export function cell(results: Results, row: Row | undefined): string {
  if (!row) return '';
  if (!isTimed(row)) return `${row.status.replaceAll('-', ' ')}: ${row.reason ?? ''}`;
  const ratio = ratioToBaseline(results, row);
  return `${formatMs(row.summary.median)}${ratio ? ` · ${formatEstimate(ratio)}` : ''}`;
}

function modelTables(results: Results): ReportTable[] {
  const rows = rowsOf(results, { suite: 'model' });
  return distinct(rows, ({ comparison }) => comparison).map((comparison) => {
    const own = rows.filter((row) => row.comparison === comparison);
    const of = (subject: string, phase: string): Row | undefined =>
      own.find((row) => row.subject === subject && row.phase === phase);
    const prompt = own[0]!.context;
    const { hidden: _, ...shape } = own[0]!.shape;
    const counts = countsLabel(results, own);
    const sizes = `${sizesLabel({ shape })}${counts && `; ${counts}`}.`;
    return {
      title: `${comparison === 'equal-shape' ? 'Equal shape' : 'Equal parameters'}, on ${deviceLabel(own[0]!)}`,
      note:
        comparison === 'equal-shape'
          ? `Same width, depth and feed-forward width: the parameters differ. ${sizes}`
          : `Same width and depth; the feed-forward width makes up for the weights that the attention saves. ${sizes}`,
      head: [
        'variant',
        'parameters',
        'feed-forward',
        `first token, prompt of ${prompt}`,
        'prompt tokens/s',
        'next token',
        'tokens/s',
        'most memory',
      ],
      rows: distinct(own, ({ subject }) => subject).map((subject) => {
        const first = of(subject, 'first token');
        const next = of(subject, 'next token');
        const rate = (row: Row | undefined, tokens: number): string =>
          row && isTimed(row) ? digits((tokens / row.summary.median) * 1000) : '';
        return [
          subjectLabel(results, subject),
          first?.parameters === undefined ? '' : formatCount(first.parameters),
          String(first?.shape.hidden ?? ''),
          cell(results, first),
          rate(first, prompt),
          cell(results, next),
          rate(next, 1),
          first?.peakBytes === undefined ? '' : formatBytes(first.peakBytes),
        ];
      }),
    };
  });
}

const SHOWN = [1024, 4096, 32_768, 131_072, 1_048_576];

function memoryTables(results: Results): ReportTable[] {
  const published = results.memory.filter(({ subject }) => subject === 'published');
  const others = results.memory.filter(({ subject }) => subject !== 'published');
  if (published.length === 0) return [];
  const at16 = (elements: number | undefined): string =>
    elements === undefined ? '' : formatBytes(2 * elements);
  return [
    {
      title: 'As published: KV memory of one sequence at 16 bit',
      note: 'The last column is what a device really allocated (4-byte numbers, so twice as much), beside the same formula for it.',
      head: ['model', 'bytes a token', 'published', ...SHOWN.map(formatContext), 'allocated'],
      rows: published.map((row) => [
        row.config,
        formatCount(2 * row.elementsPerToken),
        row.publishedBytesPerToken === undefined ? '' : formatCount(row.publishedBytesPerToken),
        ...SHOWN.map((context) => at16(row.elements[String(context)])),
        allocation(row),
      ]),
    },
    ...(others.length === 0 ? [] : [whatIfTable(results, others)]),
  ];
}

function allocation({ allocated, reason }: Results['memory'][number]): string {
  if (!allocated) return reason ?? '';
  const { context, formulaBytes, allocatedBytes, device } = allocated;
  const verdict = formulaBytes === allocatedBytes ? 'equal' : `formula ${formatCount(formulaBytes)}`;
  return `${formatCount(allocatedBytes)} B at ${formatContext(context)} on ${device}, ${verdict}`;
}

/** What the same model would keep with another attention, at its own heads and widths. */
function whatIfTable(results: Results, rows: Results['memory']): ReportTable {
  const configs = distinct(rows, ({ config }) => config).filter((config) => !config.startsWith('CLA paper'));
  const subjects = distinct(rows, ({ subject }) => subject);
  return {
    title: 'The same models with each variant, at 128k tokens and 16 bit',
    note: `Width, query heads and depth of the model; key heads, window and sharing of the variant’s defaults. ${countsLabel(results, results.rows)}`.trim(),
    head: ['variant', ...configs],
    rows: subjects.map((subject) => [
      subjectLabel(results, subject),
      ...configs.map((config) => {
        const row = rows.find((candidate) => candidate.config === config && candidate.subject === subject);
        if (!row || row.reason) return row?.reason ? 'does not apply' : '';
        return formatBytes(2 * (row.elements['131072'] ?? 0));
      }),
    ]),
  };
}

function cacheTables(results: Results): ReportTable[] {
  const rows = rowsOf(results, { suite: 'cache' });
  return distinct(rows, ({ options }) => String(options.holds)).map((holds) => {
    const own = rows.filter(({ options }) => options.holds === holds);
    const columns = distinct(own, ({ phase, context }) => `${phase} at ${formatContext(context)}`);
    const caps = distinct(own, ({ options }) => options.cap).filter((cap) => typeof cap === 'number');
    const windows = caps.length === 0 ? '' : `, a window of ${caps.join(' or ')} tokens`;
    return {
      title: `Caches of ${holds} layers, on ${deviceLabel(own[0]!)}`,
      note: `One layer, ${own[0]!.batch} sequences, ${own[0]!.shape.rowElements} numbers a token${windows}; append adds one token, crop takes the last back and appends another, reorder swaps the sequences.`,
      head: ['cache', ...columns, 'bytes allocated'],
      rows: distinct(own, ({ subject }) => subject).map((subject) =>
        cacheRow(
          results,
          own.filter((row) => row.subject === subject),
          columns,
        ),
      ),
    };
  });
}

function cacheRow(results: Results, rows: readonly Row[], columns: readonly string[]): string[] {
  const name = rows[0]!.subject;
  // a cache that cannot be timed has one reason: once is enough
  if (!rows.some(isTimed)) return [name, cell(results, rows[0]), ...columns.map(() => '')];
  const cells = columns.map((column) =>
    cell(
      results,
      rows.find(({ phase, context }) => `${phase} at ${formatContext(context)}` === column),
    ),
  );
  return [name, ...cells, formatBytes(rows.at(-1)!.kv?.allocatedBytes ?? 0)];
}

function workTables(results: Results): ReportTable[] {
  const rows = rowsOf(results, { suite: 'device' });
  if (rows.length === 0) return [];
  const devices = distinct(rows, ({ device }) => device);
  const on = (device: string, subject?: string) =>
    rows.find((row) => row.device === device && (subject === undefined || row.subject === subject));
  return [
    {
      title: 'The same work on every device',
      note: 'Median time, then the ratio to the device without one, with its 95 % interval.',
      head: ['work', ...devices.map((device) => deviceLabel(on(device)!))],
      rows: distinct(rows, ({ subject }) => subject).map((subject) => [
        [subject, sizesLabel(rows.find((row) => row.subject === subject)!)].filter(Boolean).join(', '),
        ...devices.map((device) => cell(results, on(device, subject))),
      ]),
    },
  ];
}

/** Every row with its statistics, in the order of the run. */
function rowTables(results: Results): ReportTable[] {
  return distinct(results.rows, ({ suite }) => suite).map((suite) => ({
    title: suite,
    head: [
      'row',
      'comparison',
      'ran',
      'median and interval',
      'p10',
      'p90',
      'n',
      'ratio to baseline',
      'GFLOP/s',
      'GB/s',
      'share of limit',
      'check',
    ],
    rows: results.rows
      .filter((row) => row.suite === suite)
      .map((row) => {
        const name = `${row.phase}${row.context > 0 ? ` ${row.context}` : ''} ${subjectLabel(results, row.subject)}${row.control ? ' again' : ''}${row.batch > 1 ? ` × ${row.batch}` : ''}`;
        const ran = row.emulated ? `${row.engine ?? row.device} (emulated GPU)` : (row.engine ?? row.device);
        const check = row.check ? (row.check.passed ? `✓ ${row.check.worst.toExponential(0)}` : '✗') : '';
        if (!isTimed(row))
          return [
            name,
            row.comparison,
            ran,
            `${row.status.replaceAll('-', ' ')}: ${row.reason ?? ''}`,
            '',
            '',
            '',
            '',
            '',
            '',
            '',
            check,
          ];
        const ratio = ratioToBaseline(results, row);
        const rates = ratesOf(row);
        const share = shareOfLimit(results, row);
        const { p10, p90, n } = row.summary;
        return [
          name,
          row.comparison,
          ran,
          formatMsEstimate(row.summary),
          formatMs(p10),
          formatMs(p90),
          String(n),
          ratio ? formatEstimate(ratio) : row.baseline ? '' : formatRatio(1),
          rates && rates.gflops > 0 ? digits(rates.gflops) : '',
          rates && rates.gbytes > 0 ? digits(rates.gbytes) : '',
          share === undefined || share === 0 ? '' : formatPercent(share),
          check,
        ];
      }),
  }));
}
