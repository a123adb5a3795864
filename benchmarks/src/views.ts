import type { Results, Row, VariantFacts } from './results.ts';
import { CONFIDENCE, type Estimate, pairedRatio } from './statistics.ts';

/** A timed row: the only kind that tables and charts of time show as a number. */
export type TimedRow = Row & { readonly summary: NonNullable<Row['summary']> };

export function isTimed(row: Row): row is TimedRow {
  return row.status === 'ok' && row.summary !== undefined;
}

/** The row a row is divided by. */
export function baselineOf(results: Pick<Results, 'rows'>, row: Row): Row | undefined {
  return row.baseline === undefined ? undefined : results.rows.find(({ id }) => id === row.baseline);
}

/** `row / baseline` from paired samples of this run; `undefined` for the baseline and where one has no time. */
export function ratioToBaseline(
  results: Pick<Results, 'rows'>,
  row: Row,
  confidence = CONFIDENCE,
): Estimate | undefined {
  const baseline = baselineOf(results, row);
  if (!baseline || !isTimed(row) || !isTimed(baseline)) return undefined;
  return pairedRatio(row.samples, baseline.samples, confidence);
}

/** Rows of a suite, controls left out, in the order of the run. */
export function rowsOf(
  results: Pick<Results, 'rows'>,
  wanted: Partial<Pick<Row, 'suite' | 'device' | 'phase' | 'comparison' | 'subject' | 'batch'>>,
): Row[] {
  const fields = Object.entries(wanted);
  return results.rows.filter(
    (row) => !row.control && fields.every(([field, value]) => row[field as keyof Row] === value),
  );
}

/** Different values of a field, in order of appearance. */
export function distinct<T, K>(items: readonly T[], of: (item: T) => K): K[] {
  return [...new Set(items.map(of))];
}

/** The short title of a variant: what stands before its abbreviation, or the abbreviation where there is one. */
export function shortTitle({ title, name }: Pick<VariantFacts, 'title' | 'name'>): string {
  return /\(([^()]{2,8})\)/.exec(title)?.[1] ?? name;
}

/** How a subject is written: `GQA` for a variant, its own name for a cache or an operation. */
export function subjectLabel(results: Pick<Results, 'variants'>, subject: string): string {
  const variant = results.variants.find(({ name }) => name === subject);
  return variant ? shortTitle(variant) : subject;
}

/** `decode 4096 b1 · GQA · gpujs:webasm`: a row in one line. */
export function rowLabel(results: Pick<Results, 'variants'>, row: Row): string {
  const place = [row.phase, row.context > 0 ? String(row.context) : '', row.batch > 1 ? `b${row.batch}` : ''];
  const parity = row.comparison === 'equal-parameters' ? ' at equal parameters' : '';
  const twice = row.control ? ' twice' : '';
  const words = place.filter(Boolean).join(' ');
  return `${words} · ${subjectLabel(results, row.subject)}${twice}${parity} · ${deviceLabel(row)}`;
}

/** `gpujs:webgl2 (emulated GPU)`: no row or chart shows a software GPU without saying so. */
export function deviceLabel({
  device,
  emulated,
}: {
  readonly device: string;
  readonly emulated: boolean;
}): string {
  return emulated ? `${device} (emulated GPU)` : device;
}

/** Where rows of attention can stand in one picture: on one device, with one number of sequences. */
export type Place = Pick<Row, 'device' | 'batch'>;

/** `gpujs:webasm × 4 sequences`: a picture or a table of several sequences says so. */
export function placeLabel(row: Pick<Row, 'device' | 'emulated' | 'batch'>): string {
  return `${deviceLabel(row)}${row.batch > 1 ? ` × ${row.batch} sequences` : ''}`;
}

/** `gpujs-webasm-b4`: for names of files. */
export function placeId({ device, batch }: Place): string {
  return `${device.replace(/[^a-z0-9]+/gi, '-')}${batch > 1 ? `-b${batch}` : ''}`;
}

/** `E=128 H=8 D=16 layers=2`: what was computed, in the letters of the project. */
export function sizesLabel({ shape }: Pick<Row, 'shape'>): string {
  return Object.entries(shape)
    .map(([letter, size]) => `${letter}=${size}`)
    .join(' ');
}

/** `SWA window 128; sink-tokens sinks 4, window 128`: options that are counts, of tokens mostly, by variant. */
export function countsLabel(results: Pick<Results, 'variants'>, rows: readonly Row[]): string {
  return distinct(rows, ({ subject }) => subject)
    .flatMap((subject) => {
      const { options } = rows.find((row) => row.subject === subject)!;
      const counts = Object.entries(options).filter(
        ([, value]) => Number.isInteger(value) && Number(value) > 1,
      );
      const words = counts.map((pair) => pair.join(' ')).join(', ');
      return words === '' ? [] : [`${subjectLabel(results, subject)} ${words}`];
    })
    .join('; ');
}

/** Share of what the engine's own limits allow for the row's useful work, 0 … 1 (the roofline of the machine). */
export function shareOfLimit(results: Pick<Results, 'devices'>, row: Row): number | undefined {
  const limits = results.devices.find(({ name }) => name === row.device)?.limits;
  const fma = limits?.fma.rate?.median;
  const read = limits?.read.rate?.median;
  if (!isTimed(row) || !row.work || !fma || !read) return undefined;
  const shortest = Math.max(
    row.work.flops / (fma * 1e6),
    (row.work.stateBytes + row.work.weightBytes) / (read * 1e6),
  );
  return shortest / row.summary.median;
}

/** Useful GFLOP/s and GB/s of a timed row. */
export function ratesOf(row: Row): { readonly gflops: number; readonly gbytes: number } | undefined {
  if (!isTimed(row) || !row.work) return undefined;
  return {
    gflops: row.work.flops / row.summary.median / 1e6,
    gbytes: (row.work.stateBytes + row.work.weightBytes) / row.summary.median / 1e6,
  };
}
