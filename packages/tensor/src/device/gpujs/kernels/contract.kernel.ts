import { sizeOf } from '../../../axes.ts';
import type { KernelPlan, PlanTarget } from '../plan.ts';
import { each, type Shapes, sourceOf } from '../source.ts';

/**
 * `y[z, n, o] = Σ_i x[z, n, i] · w[z, o, i] + bias[o]`: what linear, matmul and headLinear have in common. They
 * differ in where rows and batches start.
 */
interface Contraction {
  readonly Z: number;
  readonly N: number;
  readonly O: number;
  readonly I: number;
  /** Elements from one row, and from one z, to the next. */
  readonly x: { readonly row: number; readonly batch: number };
  readonly y: { readonly row: number; readonly batch: number };
  readonly wBatch: number;
  /** `w[z, i, o]` in memory instead of `w[z, o, i]`. */
  readonly transposed: boolean;
  readonly names: { readonly x: string; readonly w: string; readonly bias?: string };
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
  /** The axis of the threads that runs over rows; the other one of y and z runs over batches. */
  readonly rowAxis: 'y' | 'z';
}

const contractSource = sourceOf(({ rows, columns, unroll, rest, bias, transposed, rowAxis }: Form) => {
  const results = rows * columns;
  const weight = (c: number, i: string): string =>
    transposed ? `w[wStart + (${i}) * this.constants.O + o${c}]` : `w[w${c} + ${i}]`;
  const term = (n: number, u: number): string => (rows > 1 ? `a${n}_${u} * b0_${u}` : `a0_${u} * b${n}_${u}`);
  const add = (count: number, first: string): string => `
      ${each(count, (u) => each(rows, (r) => `const a${r}_${u} = x[x${r} + ${first} + ${u}];`, ' '), '\n      ')}
      ${each(count, (u) => each(columns, (c) => `const b${c}_${u} = ${weight(c, `${first} + ${u}`)};`, ' '), '\n      ')}
      ${each(results, (n) => `s${n} += ${each(count, (u) => term(n, u), ' + ')};`, '\n      ')}`;

  return `function (x, w${bias ? ', bias' : ''}) {
    const row = this.thread.${rowAxis} * ${rows};
    const z = this.thread.${rowAxis === 'y' ? 'z' : 'y'};
    ${each(rows, (r) => `const x${r} = (row + ${r} < this.constants.N ? row + ${r} : this.constants.N - 1) * this.constants.xRow + z * this.constants.xBatch;`)}
    const wStart = z * this.constants.wBatch;
    ${each(columns, (c) => `const o${c} = this.thread.x * ${columns} + ${c};`)}
    ${transposed ? '' : each(columns, (c) => `const w${c} = wStart + o${c} * this.constants.I;`)}
    ${each(results, (n) => `let s${n} = ${bias ? `bias[o${rows > 1 ? 0 : n}]` : '0.0'};`)}
    for (let t = 0; t < this.constants.turns; t++) {
      const i = t * ${unroll};${add(unroll, 'i')}
    }${rest > 0 ? `\n    const last = this.constants.turns * ${unroll};${add(rest, 'last')}` : ''}
    return ${results === 1 ? 's0' : `[${each(results, (n) => `s${n}`, ', ')}]`};
  }`;
});

function contract(c: Contraction, target: PlanTarget): KernelPlan {
  const { Z, N, O, I } = c;
  const rows = target.packedRows ? Math.min(N, 4) : 1;
  const columns = rows === 1 && target.columns === 4 && O % 4 === 0 ? 4 : 1;
  const unroll = rows * columns > 1 ? 2 : 4;
  const rowAxis = c.y.batch < c.y.row && Z > 1 && rows === 1 ? 'z' : 'y';
  const blocks = Math.ceil(N / rows);
  return {
    steps: [
      {
        name: 'y',
        source: contractSource({
          rows,
          columns,
          unroll,
          rest: I % unroll,
          bias: c.names.bias !== undefined,
          transposed: c.transposed,
          rowAxis,
        }),
        constants: {
          N,
          O,
          I,
          turns: Math.floor(I / unroll),
          xRow: c.x.row,
          xBatch: c.x.batch,
          wBatch: c.wBatch,
        },
        args: [c.names.x, c.names.w, ...(c.names.bias ? [c.names.bias] : [])],
        length: Z * N * O,
        threads: rowAxis === 'z' ? [O / columns, Z, N] : [O / columns, blocks, Z],
        lanes: (rows * columns) as 1 | 2 | 3 | 4,
        ...(rows > 1 && { rowStarts: rowStarts(c, rows, blocks) }),
      },
    ],
    outputs: ['y'],
  };
}

function rowStarts({ Z, N, y }: Contraction, rows: number, blocks: number): Int32Array {
  const starts = new Int32Array(Z * blocks * rows).fill(-1);
  for (let z = 0; z < Z; z++) {
    for (let n = 0; n < N; n++) starts[z * blocks * rows + n] = z * y.batch + n * y.row;
  }
  return starts;
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
  const names = { x: 'x', w: 'weight', ...(bias && { bias: 'bias' }) };
  return contract(
    { Z: 1, N, O, I, x: { row: I, batch: 0 }, y: { row: O, batch: 0 }, wBatch: 0, transposed, names },
    target,
  );
}

/** a `[G, M, K]`, b `[G | 1, K, N]` → `[G, M, N]` */
export function matmulPlan(
  { a, b }: Shapes<'a' | 'b'>,
  _params: unknown,
  _outputs: unknown,
  target: PlanTarget,
): KernelPlan {
  const [G, M, K] = a.shape as [number, number, number];
  const N = b.shape[2]!;
  return contract(
    {
      Z: G,
      N: M,
      O: N,
      I: K,
      x: { row: K, batch: M * K },
      y: { row: N, batch: M * N },
      wBatch: b.shape[0] === 1 ? 0 : K * N,
      transposed: true,
      names: { x: 'a', w: 'b' },
    },
    target,
  );
}

/** x `[..., H, I]`, weight `[H, O, I]` or `[H, I, O]` → `[..., H, O]` */
export function headLinearPlan(
  { x, weight }: Shapes<'x' | 'weight'>,
  { transposed = false }: { readonly transposed?: boolean },
  _outputs: unknown,
  target: PlanTarget,
): KernelPlan {
  const H = weight.shape[0]!;
  const [O, I] = transposed ? [weight.shape[2]!, weight.shape[1]!] : [weight.shape[1]!, weight.shape[2]!];
  return contract(
    {
      Z: H,
      N: sizeOf(x.shape.slice(0, -2)),
      O,
      I,
      x: { row: H * I, batch: I },
      y: { row: H * O, batch: O },
      wBatch: O * I,
      transposed,
      names: { x: 'x', w: 'weight' },
    },
    target,
  );
}
