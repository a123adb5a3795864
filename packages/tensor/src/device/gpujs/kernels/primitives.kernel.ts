import { sizeOf } from '../../../axes.ts';
import { type BinaryKind, stridesOf } from '../../../ops/broadcast.ts';
import { permutedStrides } from '../../../ops/permute.ts';
import type { ReduceKind } from '../../../ops/reduce.ts';
import type { UnaryKind } from '../../../ops/unary.ts';
import type { KernelPlan, PlanTarget } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { expOf } from './exp.kernel.ts';
import { longSum, sumForm } from './sum.kernel.ts';

// tanh is 1 to the last bit beyond 10, and NaN on GPUs from 50 on
const unaryText = (kind: UnaryKind, how: PlanTarget['exp']): string =>
  ({
    exp: `const large = Math.min(x, 88.7);
    ${expOf('e', 'Math.min(large, 0.0)', how)}
    const y = large > 0.0 ? Math.exp(large) : e;`,
    log: 'const y = Math.log(x);',
    tanh: `${expOf('e', '-2.0 * Math.min(Math.abs(x), 10.0)', how)}
    const t = (1.0 - e) / (1.0 + e);
    const y = x < 0.0 ? -t : t;`,
    sigmoid: `${expOf('e', '-Math.abs(x)', how)}
    const y = x >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);`,
    sqrt: 'const y = Math.sqrt(x);',
    reciprocal: 'const y = 1.0 / x;',
    abs: 'const y = Math.abs(x);',
    floor: 'const y = Math.floor(x);',
    'elu+1': `${expOf('e', 'Math.min(x, 0.0)', how)}
    const y = x > 0.0 ? x + 1.0 : e;`,
  })[kind];

const unarySource = sourceOf(
  ({ kind, how }: { kind: UnaryKind; how: PlanTarget['exp'] }) => `function (input) {
    const x = input[this.thread.x];
    ${unaryText(kind, how)}
    return y;
  }`,
);

/** y = f(x) */
export function unaryPlan(
  { x }: Shapes<'x'>,
  { kind }: { readonly kind: UnaryKind },
  _outputs: unknown,
  { exp }: PlanTarget,
): KernelPlan {
  const source = unarySource({ kind, how: exp });
  return { steps: [{ name: 'y', source, args: ['x'], length: sizeOf(x.shape) }], outputs: ['y'] };
}

const binaryText: Readonly<Record<BinaryKind, string>> = {
  add: 'va + vb',
  subtract: 'va - vb',
  multiply: 'va * vb',
  divide: 'va / vb',
  maximum: 'Math.max(va, vb)',
  minimum: 'Math.min(va, vb)',
  less: '(va < vb ? 1.0 : 0.0)',
  'less-equal': '(va <= vb ? 1.0 : 0.0)',
  equal: '(va === vb ? 1.0 : 0.0)',
};

/**
 * A function of numbers that are found by strides. The last axis is x, so that a place of a row is exact however
 * large the arrays are; the others are taken apart by division, with a half added because a GPU's is not exact.
 */
const stridedSource = sourceOf(({ names, rank, result }: { names: string; rank: number; result: string }) => {
  const arrays = names.split(' ');
  const axes = Array.from({ length: rank - 1 }, (_, axis) => axis).reverse();
  return `function (${arrays.join(', ')}) {
    let left = this.thread.y;
    ${arrays.map((name) => `let at_${name} = 0.0;`).join(' ')}
    ${axes
      .map(
        (axis) => `const above${axis} = Math.floor((left + 0.5) / this.constants.s${axis});
    const i${axis} = left - above${axis} * this.constants.s${axis};
    left = above${axis};
    ${arrays.map((name) => `at_${name} = at_${name} + i${axis} * this.constants.${name}${axis};`).join(' ')}`,
      )
      .join('\n    ')}
    ${arrays.map((name) => `const v${name} = ${name}[at_${name} + this.thread.x * this.constants.${name}${rank - 1}];`).join('\n    ')}
    return ${result};
  }`;
});

/** Numbers named by letters, each with its strides over the shape of the result. */
function stridedPlan(
  shape: readonly number[],
  strides: Readonly<Record<string, readonly number[]>>,
  inputs: readonly string[],
  result: string,
): KernelPlan {
  const whole = shape.length === 0 ? [1] : shape;
  const rank = whole.length;
  const constants: Record<string, number> = {};
  whole.forEach((size, axis) => {
    constants[`s${axis}`] = size;
    for (const [name, of] of Object.entries(strides)) constants[`${name}${axis}`] = of[axis] ?? 0;
  });
  const width = whole.at(-1)!;
  const length = sizeOf(whole);
  return {
    steps: [
      {
        name: 'y',
        source: stridedSource({ names: Object.keys(strides).join(' '), rank, result }),
        constants,
        args: [...inputs],
        length,
        threads: [width, length === 0 ? 0 : length / width],
      },
    ],
    outputs: ['y'],
  };
}

/** y = f(a, b), repeated along axes of size 1 */
export function binaryPlan(
  { a, b }: Shapes<'a' | 'b'>,
  { kind }: { readonly kind: BinaryKind },
  [output]: readonly { readonly shape: readonly number[] }[],
): KernelPlan {
  const { shape } = output!;
  const strides = { a: stridesOf(a.shape, shape), b: stridesOf(b.shape, shape) };
  return stridedPlan(shape, strides, ['a', 'b'], binaryText[kind]);
}

/** y = c > 0 ? a : b, repeated along axes of size 1 */
export function wherePlan(
  { condition, a, b }: Shapes<'condition' | 'a' | 'b'>,
  _params: unknown,
  [output]: readonly { readonly shape: readonly number[] }[],
): KernelPlan {
  const { shape } = output!;
  const strides = {
    c: stridesOf(condition.shape, shape),
    a: stridesOf(a.shape, shape),
    b: stridesOf(b.shape, shape),
  };
  return stridedPlan(shape, strides, ['condition', 'a', 'b'], '(vc > 0.0 ? va : vb)');
}

/** The axes in another order */
export function permutePlan(
  { x }: Shapes<'x'>,
  { axes }: { readonly axes: readonly number[] },
  [output]: readonly { readonly shape: readonly number[] }[],
): KernelPlan {
  return stridedPlan(output!.shape, { a: permutedStrides(x.shape, axes) }, ['x'], 'va');
}

const castSource = sourceOf(({ whole }: { whole: boolean }) =>
  whole
    ? `function (x) { const v = x[this.thread.x]; return v < 0.0 ? -Math.floor(-v) : Math.floor(v); }`
    : 'function (x) { return x[this.thread.x]; }',
);

/** The same numbers: ids and positions are floats to gpu.js */
export function castPlan({ x }: Shapes<'x'>, { dtype }: { readonly dtype: string }): KernelPlan {
  const source = castSource({ whole: dtype === 'i32' });
  return { steps: [{ name: 'y', source, args: ['x'], length: sizeOf(x.shape) }], outputs: ['y'] };
}

const sumSource = sourceOf(
  ({ rest }: { readonly rest: number }) => `function (x) {
    ${longSum('total', rest, (name, e) => `const ${name} = x[this.thread.x][${e}];`)}
    return total;
  }`,
);

// two loops, since WebGL 1 adds up the turns of a thread's loops and stops one that turns too often
const extremeSource = sourceOf(
  ({ kind }: { readonly kind: 'max' | 'min' }) => `function (x) {
    let total = x[this.thread.x][0];
    for (let t = 0; t < this.constants.turns; t++) {
      for (let u = 0; u < 256; u++) {
        const e = t * 256 + u;
        if (e < this.constants.E) { total = Math.${kind}(total, x[this.thread.x][e]); }
      }
    }
    return total;
  }`,
);

const fillSource = 'function (value) { return value; }';

/** x `[..., E]` → `[...]` */
export function reducePlan({ x }: Shapes<'x'>, { kind }: { readonly kind: ReduceKind }): KernelPlan {
  const E = x.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  const nothing = { sum: 0, max: -Infinity, min: Infinity }[kind];
  const args = [{ array: 'x', size: [E, rows] as const }];
  const { constants, rest } = sumForm(E);
  const step =
    E === 0
      ? { source: fillSource, args: [{ float: nothing }] }
      : kind === 'sum'
        ? { source: sumSource({ rest }), constants, args }
        : { source: extremeSource({ kind }), constants: { E, turns: Math.ceil(E / 256) }, args };
  return { steps: [{ name: 'y', length: rows, ...step }], outputs: ['y'] };
}

const scatterSource = `function (rows, ids) {
    let sum = 0.0;
    for (let n = 0; n < this.constants.N; n++) {
      if (Math.floor(ids[n] + 0.5) === this.thread.y) { sum = sum + rows[n][this.thread.x]; }
    }
    return sum;
  }`;

/** rows `[..., E]`, ids `[...]` → `[V, E]`: every result looks through all ids, since a thread writes one number */
export function scatterAddPlan(
  { rows, ids }: Shapes<'rows' | 'ids'>,
  { V }: { readonly V: number },
): KernelPlan {
  const E = rows.shape.at(-1)!;
  const N = sizeOf(ids.shape);
  return {
    steps: [
      {
        name: 'y',
        source: scatterSource,
        constants: { N },
        args: [{ array: 'rows', size: [E, N] }, 'ids'],
        length: V * E,
        threads: [E, V],
      },
    ],
    outputs: ['y'],
  };
}
