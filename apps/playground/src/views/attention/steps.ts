import type { Heads, Trace } from '../../engine/attention/trace.ts';
import { shown } from '../../ui/heatmap.tsx';
import type { RampKind } from '../../ui/ramp.ts';

/** The way of a token through attention. */
export const steps = [
  { value: 'qkv', label: '1 · q, k, v' },
  { value: 'scores', label: '2 · Scores' },
  { value: 'mask', label: '3 · Mask' },
  { value: 'weights', label: '4 · Weights' },
  { value: 'output', label: '5 · Output' },
  { value: 'kept', label: '6 · Kept' },
] as const;

export type StepName = (typeof steps)[number]['value'];

/** Numbers of one picture of one head, and what its axes are. */
export interface Panel {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
  readonly kind: RampKind;
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  readonly unit: string;
}

/** The pictures of a step; empty where the variant has none. */
export function panelsOf(trace: Trace, step: StepName, head: number): readonly Panel[] {
  const { pieces, H } = trace;
  const L = pieces.length;
  const square = (name: string, all: Float32Array | undefined, kind: RampKind, unit: string): Panel[] =>
    all
      ? [
          {
            name,
            rows: L,
            columns: L,
            values: all.subarray(head * L * L, (head + 1) * L * L),
            kind,
            rowLabels: pieces,
            columnLabels: pieces,
            unit,
          },
        ]
      : [];
  if (step === 'qkv')
    return (['q', 'k', 'v'] as const).flatMap((name) => {
      const heads = trace[name];
      if (!heads) return [];
      const n = headOf(heads, head, H);
      const label =
        heads.heads === H ? `${name}, head ${n + 1}` : `${name}, key/value head ${n + 1} of ${heads.heads}`;
      return [wide(label, matrixOf(heads, n), heads.width, pieces, '')];
    });
  if (step === 'scores') return square('q · k, scaled', trace.raw, 'difference', '');
  if (step === 'mask') return square('score, masked', trace.scores, 'difference', '');
  if (step === 'weights') return square('weight', trace.weights, 'sequential', 'of a row that sums to 1');
  if (step === 'output') {
    const out = outputOf(trace, head);
    return [
      ...(out ? [wide(`output of head ${head + 1}`, out.values, out.width, pieces, '')] : []),
      ...(trace.y
        ? [wide('what attention adds to the stream', trace.y.values, trace.y.width, pieces, '')]
        : []),
    ];
  }
  return (trace.kept?.tensors ?? []).map(({ name, rows, columns, values, positions }) => ({
    name: `${name} [${rows}, ${columns}]`,
    rows,
    columns,
    values: emptied(values, columns, positions),
    kind: 'difference',
    rowLabels: positions
      ? positions.map((at) => (at < 0 ? '(empty)' : (pieces[at] ?? String(at))))
      : Array.from({ length: rows }, (_, n) => String(n)),
    columnLabels: Array.from({ length: columns }, (_, n) => String(n)),
    unit: '',
  }));
}

function wide(
  name: string,
  values: Float32Array,
  width: number,
  pieces: readonly string[],
  unit: string,
): Panel {
  const columnLabels = Array.from({ length: width }, (_, d) => String(d));
  return {
    name,
    rows: pieces.length,
    columns: width,
    values,
    kind: 'difference',
    rowLabels: pieces,
    columnLabels,
    unit,
  };
}

/** Slots that hold nothing are as hatched as what is masked. */
function emptied(
  values: Float32Array,
  columns: number,
  positions: readonly number[] | undefined,
): Float32Array {
  if (!positions?.some((at) => at < 0)) return values;
  return values.map((value, i) => (positions[Math.floor(i / columns)]! < 0 ? Number.NaN : value));
}

/** The head of keys or values that a query head reads. */
export function headOf({ heads }: Heads, head: number, H: number): number {
  return Math.min(heads - 1, Math.floor((head * heads) / H));
}

const cut = new WeakMap<Float32Array, Map<number, Float32Array>>();

/** `[L, heads, width]` → `[L, width]` of one head; the same array for the same head. */
export function matrixOf({ heads, width, values }: Heads, head: number): Float32Array {
  const made = cut.get(values) ?? new Map<number, Float32Array>();
  cut.set(values, made);
  const found = made.get(head);
  if (found) return found;
  const L = values.length / (heads * width);
  const out = new Float32Array(L * width);
  for (let i = 0; i < L; i++)
    out.set(values.subarray((i * heads + head) * width, (i * heads + head + 1) * width), i * width);
  made.set(head, out);
  return out;
}

const sums = new WeakMap<Float32Array, Map<number, Float32Array>>();

/** `Σ_j w[i, j] · v[j]`: what a head hands on, from the weights and values that are shown. */
export function outputOf(
  trace: Trace,
  head: number,
): { readonly width: number; readonly values: Float32Array } | undefined {
  const { weights, v, H, pieces } = trace;
  if (!weights || !v) return undefined;
  const L = pieces.length;
  const made = sums.get(weights) ?? new Map<number, Float32Array>();
  sums.set(weights, made);
  const { width } = v;
  const found = made.get(head);
  if (found) return { width, values: found };
  const values = matrixOf(v, headOf(v, head, H));
  const out = new Float32Array(L * width);
  for (let i = 0; i < L; i++)
    for (let j = 0; j < L; j++) {
      const weight = weights[(head * L + i) * L + j]!;
      if (Number.isNaN(weight)) continue;
      for (let d = 0; d < width; d++) out[i * width + d]! += weight * values[j * width + d]!;
    }
  made.set(head, out);
  return { width, values: out };
}

/** Why a query does not see a key, in words; undefined where it does. */
export function whyHidden({ parts }: Trace, i: number, j: number): string | undefined {
  if (!parts) return undefined;
  const { causal, before, prefix, sinkTokens, segment } = parts;
  if (causal && j > i && j >= prefix) return `the key stands at ${j}, after the query at ${i}: causal`;
  if (i - j > before && j >= sinkTokens)
    return `the key is ${i - j} tokens back, and the window reaches ${before} back`;
  if (segment > 0 && Math.floor(i / segment) !== Math.floor(j / segment))
    return `query and key stand in different segments of ${segment}`;
  return 'the variant hides it';
}

/** The keys that a query looks at most, the first ones of them. */
export function topKeys(
  { weights, pieces }: Trace,
  head: number,
  row: number,
  count = 5,
): readonly { readonly column: number; readonly weight: number }[] {
  if (!weights) return [];
  const L = pieces.length;
  const start = (head * L + row) * L;
  return Array.from({ length: L }, (_, column) => ({ column, weight: weights[start + column]! }))
    .filter(({ weight }) => !Number.isNaN(weight))
    .sort((a, b) => b.weight - a.weight)
    .slice(0, count);
}

/** Weights of two variants, the one minus the other; what one hides counts as zero there. */
export function differenceOf(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) =>
    Number.isNaN(value) && Number.isNaN(b[i]!) ? Number.NaN : (value || 0) - (b[i]! || 0),
  );
}

/** A cell in a sentence. */
export function cellText(trace: Trace, step: StepName, panel: Panel, row: number, column: number): string {
  const value = panel.values[row * panel.columns + column]!;
  const [query, key] = [trace.pieces[row], trace.pieces[column]];
  if (step === 'weights' && Number.isNaN(value)) return `“${query}” does not see “${key}”.`;
  if (step === 'weights') return `“${query}” gives ${shown(100 * value)} % to “${key}”.`;
  if (step === 'scores') return `“${query}” and “${key}”: ${shown(value)}.`;
  if (step === 'mask')
    return Number.isNaN(value)
      ? `“${query}” does not see “${key}”.`
      : `“${query}” and “${key}”: ${shown(value)}.`;
  return `${panel.name}: “${panel.rowLabels[row]}”, number ${column}: ${shown(value)}.`;
}
