import { sizeOf } from '../../../axes.ts';
import type { KernelArray, KernelPlan, KernelStep, PlanTarget } from '../plan.ts';
import { each, type Shapes, sourceOf } from '../source.ts';

/**
 * `y[z, n, o] = Σ_i x[z, n, i] · w[z, o, i] + bias[o]`: what linear, matmul and headLinear have in common. They
 * differ in the order of axes.
 */
interface Contraction {
  readonly Z: number;
  readonly N: number;
  readonly O: number;
  readonly I: number;
  readonly x: string;
  readonly w: string;
  readonly bias?: string | undefined;
  /** `w[z, i, o]` in memory instead of `w[z, o, i]`. */
  readonly transposed: boolean;
  /** One w for every z. */
  readonly shared: boolean;
  /** x and y are `[n, z, …]` in memory instead of `[z, n, …]`. */
  readonly rowsFirst: boolean;
}

interface Form {
  /** Rows, or else neighbouring outputs, that one thread computes; one of the two is 1. */
  readonly rows: number;
  readonly columns: number;
  /** Terms of the sum a turn of the loop adds, and how many are left over. */
  readonly unroll: number;
  readonly rest: number;
  readonly bias: boolean;
  readonly transposed: boolean;
  readonly shared: boolean;
  readonly rowsFirst: boolean;
  /** No axis z at all. */
  readonly flat: boolean;
  /** The axis of the threads that runs over rows; the other one of y and z runs over batches. */
  readonly rowAxis: 'y' | 'z';
  /**
   * Index by thread instead of by locals: on webasm a local that is the same for neighbouring threads costs a third
   * more time in the loop (measured), in cpu mode a thread's number does.
   */
  readonly direct: boolean;
}

const contractSource = sourceOf((form: Form) => {
  const { rows, columns, unroll, rest, bias, rowAxis } = form;
  const results = rows * columns;
  const batch = `this.thread.${rowAxis === 'y' ? 'z' : 'y'}`;
  const w = form.flat || form.shared ? 'w' : `w[${batch}]`;
  const rowText = (r: number): string =>
    form.direct ? `this.constants.first + this.thread.y * ${rows} + ${r}` : `this.thread.${rowAxis}`;
  const n = (r: number): string => (form.direct ? rowText(r) : `n${r}`);
  const columnText = (c: number): string =>
    columns === 1 ? 'this.thread.x' : `this.thread.x * ${columns} + ${c}`;
  const o = (c: number): string => (form.direct ? columnText(c) : `o${c}`);
  const x = (r: number): string => {
    if (form.flat) return `x[${n(r)}]`;
    return form.rowsFirst ? `x[${n(r)}][${batch}]` : `x[${batch}][${n(r)}]`;
  };
  const weight = (c: number, i: string): string =>
    form.transposed ? `${w}[${i}][${o(c)}]` : `${w}[${o(c)}][${i}]`;
  const term = (n: number, u: number): string => (rows > 1 ? `a${n}_${u} * b0_${u}` : `a0_${u} * b${n}_${u}`);
  const add = (count: number, first: string): string => {
    const at = (u: number): string => (u === 0 ? first : `${first} + ${u}`);
    return `
      ${each(count, (u) => each(rows, (r) => `const a${r}_${u} = ${x(r)}[${at(u)}];`, ' '), '\n      ')}
      ${each(count, (u) => each(columns, (c) => `const b${c}_${u} = ${weight(c, at(u))};`, ' '), '\n      ')}
      ${each(results, (n) => `s${n} += ${each(count, (u) => term(n, u), ' + ')};`, '\n      ')}`;
  };

  return `function (x, w${bias ? ', bias' : ''}) {
    ${form.direct ? '' : each(rows, (r) => `const n${r} = ${rowText(r)};`)}
    ${form.direct ? '' : each(columns, (c) => `const o${c} = ${columnText(c)};`)}
    ${each(results, (n) => `let s${n} = ${bias ? `bias[${o(rows > 1 ? 0 : n)}]` : '0.0'};`)}
    for (let t = 0; t < this.constants.turns; t++) {${add(unroll, `t * ${unroll}`)}
    }${rest > 0 ? add(rest, `this.constants.turns * ${unroll}`) : ''}
    return ${results === 1 ? 's0' : `[${each(results, (n) => `s${n}`, ', ')}]`};
  }`;
});

function contract(c: Contraction, target: PlanTarget): KernelPlan {
  const { N } = c;
  if (!target.packedRows || N < 4 || N % 4 === 0) return { steps: [part(c, target, 0, N)], outputs: ['y'] };
  // rows come in fours: the last few are a launch of their own
  const fours = N - (N % 4);
  const into = { of: 'all', length: c.Z * N * c.O, at: 0 };
  return {
    steps: [
      { ...part(c, target, 0, fours), part: into },
      { ...part(c, target, fours, N), part: into },
    ],
    outputs: ['all'],
  };
}

/** Rows `first … last − 1`. */
function part(c: Contraction, target: PlanTarget, first: number, last: number): KernelStep {
  const { Z, N, O, I } = c;
  const rows = target.packedRows ? Math.min(last - first, 4) : 1;
  // in cpu mode an array costs more than it saves, but for reading down columns
  const wide = target.columns === 4 || (target.mode === 'cpu' && c.transposed);
  const columns = rows === 1 && wide && O % 4 === 0 ? 4 : 1;
  const unroll = rows * columns > 1 ? 2 : target.mode === 'cpu' ? 8 : 4;
  const flat = Z === 1;
  const rowAxis = c.rowsFirst && !flat && !target.packedRows ? 'z' : 'y';
  const inOrder = !target.packedRows || (flat && N === 1);
  const blocks = (last - first) / Math.max(1, rows);
  const x: KernelArray['size'] = flat ? [I, N] : c.rowsFirst ? [I, Z, N] : [I, N, Z];
  const plane: readonly [number, number] = c.transposed ? [O, I] : [I, O];
  return {
    name: 'y',
    source: contractSource({
      rows,
      columns,
      unroll,
      rest: I % unroll,
      bias: c.bias !== undefined,
      transposed: c.transposed,
      shared: c.shared,
      rowsFirst: c.rowsFirst,
      flat,
      rowAxis,
      direct: target.packedRows,
    }),
    constants: { turns: Math.floor(I / unroll), ...(target.packedRows && { first }) },
    args: [
      { array: c.x, size: x },
      { array: c.w, size: flat || c.shared ? plane : [...plane, Z] },
      ...(c.bias ? [c.bias] : []),
    ],
    length: Z * (last - first) * O,
    threads: rowAxis === 'z' ? [O / columns, Z, N] : [O / columns, blocks, Z],
    lanes: (rows * columns) as 1 | 2 | 3 | 4,
    ...(!inOrder && { rowStarts: rowStarts(c, first, last) }),
  };
}

/** Where each row goes that the threads compute, which are in the order `[z, n]`. */
function rowStarts({ Z, N, O, rowsFirst }: Contraction, first: number, last: number): Int32Array {
  const rows = last - first;
  return Int32Array.from({ length: Z * rows }, (_, at) => {
    const z = Math.floor(at / rows);
    const n = first + (at % rows);
    return (rowsFirst ? n * Z + z : z * N + n) * O;
  });
}

/** x `[..., I]`, weight `[O, I]` or `[I, O]`, bias `[O]` → `[..., O]` */
export function linearPlan(
  { x, weight, bias }: Shapes<'x' | 'weight', 'bias'>,
  { transposed }: { readonly transposed: boolean },
  _outputs: unknown,
  target: PlanTarget,
): KernelPlan {
  const [O, I] = transposed ? [weight.shape[1]!, weight.shape[0]!] : [weight.shape[0]!, weight.shape[1]!];
  const N = sizeOf(x.shape.slice(0, -1));
  const names = { x: 'x', w: 'weight', bias: bias && 'bias' };
  return contract({ Z: 1, N, O, I, ...names, transposed, shared: true, rowsFirst: false }, target);
}

/** a `[G, M, K]`, b `[G | 1, K, N]` → `[G, M, N]` */
export function matmulPlan(
  { a, b }: Shapes<'a' | 'b'>,
  _params: unknown,
  _outputs: unknown,
  target: PlanTarget,
): KernelPlan {
  const [G, M, K] = a.shape as [number, number, number];
  const sizes = { Z: G, N: M, O: b.shape[2]!, I: K };
  return contract(
    { ...sizes, x: 'a', w: 'b', transposed: true, shared: b.shape[0] === 1, rowsFirst: false },
    target,
  );
}

/** x `[..., H, I]`, weight `[H, O, I]` or `[H, I, O]` → `[..., H, O]` */
export function headLinearPlan(
  { x, weight }: Shapes<'x' | 'weight'>,
  { transposed }: { readonly transposed: boolean },
  _outputs: unknown,
  target: PlanTarget,
): KernelPlan {
  const H = weight.shape[0]!;
  const [O, I] = transposed ? [weight.shape[2]!, weight.shape[1]!] : [weight.shape[1]!, weight.shape[2]!];
  const N = sizeOf(x.shape.slice(0, -2));
  return contract({ Z: H, N, O, I, x: 'x', w: 'weight', transposed, shared: false, rowsFirst: true }, target);
}
