import { type OpCall, type Operand, sizeOf } from '@headwise/tensor';
import { Map as Formula, Kernel } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import { bits } from '../engine.ts';
import type { Kit } from '../kit.ts';

const PER_TASK = 8192;

/** `y = a + scale · b` */
export function add(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { scale } = call.params as { scale: number };
  return map(kit, call, Formula.add, call.inputs.a!, call.inputs.b, scale);
}

/** `y = a · b` */
export function multiply(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  return map(kit, call, Formula.multiply, call.inputs.a!, call.inputs.b);
}

/** `y = x · σ(alpha · x)` */
export function silu(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { alpha } = call.params as { alpha: number };
  return map(kit, call, Formula.silu, call.inputs.x!, undefined, alpha);
}

/** `y = x · Φ(x)` */
export function gelu(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { kind } = call.params as { kind: 'exact' | 'tanh' };
  return map(kit, call, kind === 'exact' ? Formula.gelu : Formula.geluTanh, call.inputs.x!);
}

/** `y = max(x, 0)` */
export function relu(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  return map(kit, call, Formula.relu, call.inputs.x!);
}

const gates = {
  silu: Formula.gatedSilu,
  gelu: Formula.gatedGelu,
  'gelu-tanh': Formula.gatedGeluTanh,
} as const;

/** `y = act(gate) · up` */
export function gated(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { kind } = call.params as { kind: keyof typeof gates };
  return map(kit, call, gates[kind], call.inputs.gate!, call.inputs.up);
}

const slopes = {
  silu: Formula.siluGradient,
  gelu: Formula.geluGradient,
  'gelu-tanh': Formula.geluTanhGradient,
  relu: Formula.reluGradient,
} as const;

/** `dy · act′(x)` */
export function activationGradient(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { kind, alpha } = call.params as { kind: keyof typeof slopes; alpha: number };
  return map(kit, call, slopes[kind], call.inputs.x!, call.inputs.dy, alpha);
}

/** One formula of one or two arrays. */
export function map(
  kit: Kit,
  { outputs }: OpCall,
  formula: Formula,
  a: Operand,
  b?: Operand,
  parameter = 0,
): readonly WasmBuffer[] {
  const length = sizeOf(a.shape);
  const y = kit.output(outputs[0]!);
  const period = b ? sizeOf(b.shape) : 0;
  launchMap(kit, formula, { a: kit.rows(a), b: kit.rows(b), y: y.address, length, period, parameter });
  return [y];
}

interface MapArguments {
  readonly a: number;
  readonly b?: number;
  readonly y: number;
  readonly length: number;
  /** Length of b. */
  readonly period?: number;
  readonly parameter?: number;
}

/** The same between addresses. */
export function launchMap(
  kit: Kit,
  formula: Formula,
  { a, b = 0, y, length, period = 0, parameter = 0 }: MapArguments,
): void {
  const args = [a, b, y, length, period, bits(parameter), formula, PER_TASK];
  const cost = length * (formula <= Formula.multiply ? 0.5 : 3);
  kit.launch({ kernel: Kernel.map, args, tasks: Math.ceil(length / PER_TASK), cost });
}
