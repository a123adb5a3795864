import { sizeOf } from '../../../axes.ts';
import type { GateKind, GeluKind } from '../../../ops/elementwise.ts';
import type { KernelArgument, KernelPlan, PlanTarget } from '../plan.ts';
import { type Shapes, sourceOf } from '../source.ts';
import { expOf } from './exp.kernel.ts';

/** Statements that declare `y` from `x`, of exponentials of negative numbers only: none overflows. */
function activation(kind: 'silu' | 'gelu' | 'gelu-tanh', how: PlanTarget['exp']): string {
  if (kind !== 'gelu') {
    // gelu-tanh: 0.5 x (1 + tanh u) = x σ(2u)
    const z = kind === 'silu' ? 'alpha * x' : '1.5957691216057308 * (x + 0.044715 * x * x * x)';
    return `const z = ${z};
    ${expOf('e', '-Math.abs(z)', how)}
    const y = x * (z >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e));`;
  }
  // erfc by a Chebyshev fit with a relative error below 1.2e-7 everywhere, so that the left tail keeps its digits
  return `const z = Math.abs(x) * 0.7071067811865476;
    const t = 1.0 / (1.0 + 0.5 * z);
    const p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807
      + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    ${expOf('e', 'p - z * z', how)}
    const tail = 0.5 * t * e;
    const y = x * (x >= 0.0 ? 1.0 - tail : tail);`;
}

const activationSource = sourceOf(
  ({ kind, how, gated }: { kind: 'silu' | 'gelu' | 'gelu-tanh'; how: PlanTarget['exp']; gated: boolean }) =>
    `function (${['input', ...(gated ? ['up'] : []), ...(kind === 'silu' ? ['alpha'] : [])].join(', ')}) {
    const x = input[this.thread.x];
    ${activation(kind, how)}
    return y${gated ? ' * up[this.thread.x]' : ''};
  }`,
);

const reluSource = 'function (x) { return Math.max(x[this.thread.x], 0.0); }';

/** `b` may be the last axes of `a`, and is then repeated over the first. */
const broadcastSource = sourceOf(
  ({ operator, repeats }: { operator: 'add' | 'multiply'; repeats: boolean }) => {
    const a = repeats ? 'a[this.thread.y][this.thread.x]' : 'a[this.thread.x]';
    return operator === 'add'
      ? `function (a, b, scale) { return ${a} + scale * b[this.thread.x]; }`
      : `function (a, b) { return ${a} * b[this.thread.x]; }`;
  },
);

function broadcast(
  operator: 'add' | 'multiply',
  { a, b }: Shapes<'a' | 'b'>,
  scalars: KernelArgument[],
): KernelPlan {
  const length = sizeOf(a.shape);
  const n = sizeOf(b.shape);
  const repeats = n !== length;
  const rows = n === 0 ? 0 : length / n;
  return {
    steps: [
      {
        name: 'y',
        source: broadcastSource({ operator, repeats }),
        args: [repeats ? { array: 'a', size: [n, rows] } : 'a', 'b', ...scalars],
        length,
        ...(repeats && { threads: [n, rows] as const }),
      },
    ],
    outputs: ['y'],
  };
}

/** `a + scale · b` */
export function addPlan(inputs: Shapes<'a' | 'b'>, { scale }: { readonly scale: number }): KernelPlan {
  return broadcast('add', inputs, [{ float: scale }]);
}

/** `a · b` */
export function multiplyPlan(inputs: Shapes<'a' | 'b'>): KernelPlan {
  return broadcast('multiply', inputs, []);
}

/** `x · σ(alpha · x)` */
export function siluPlan(
  { x }: Shapes<'x'>,
  { alpha }: { readonly alpha: number },
  _outputs: unknown,
  { exp: how }: PlanTarget,
): KernelPlan {
  return map(activationSource({ kind: 'silu', how, gated: false }), ['x', { float: alpha }], x.shape);
}

/** `x · Φ(x)` */
export function geluPlan(
  { x }: Shapes<'x'>,
  { kind }: { readonly kind: GeluKind },
  _outputs: unknown,
  { exp: how }: PlanTarget,
): KernelPlan {
  const form = kind === 'exact' ? 'gelu' : 'gelu-tanh';
  return map(activationSource({ kind: form, how, gated: false }), ['x'], x.shape);
}

/** `max(x, 0)` */
export function reluPlan({ x }: Shapes<'x'>): KernelPlan {
  return map(reluSource, ['x'], x.shape);
}

/** `act(gate) · up` */
export function gatedPlan(
  { gate }: Shapes<'gate' | 'up'>,
  { kind }: { readonly kind: GateKind },
  _outputs: unknown,
  { exp: how }: PlanTarget,
): KernelPlan {
  const args = ['gate', 'up', ...(kind === 'silu' ? [{ float: 1 }] : [])];
  return map(activationSource({ kind, how, gated: true }), args, gate.shape);
}

function map(source: string, args: readonly KernelArgument[], shape: readonly number[]): KernelPlan {
  return { steps: [{ name: 'y', source, args, length: sizeOf(shape) }], outputs: ['y'] };
}
