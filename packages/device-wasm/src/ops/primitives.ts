import {
  type BinaryKind,
  type OpCall,
  type Operand,
  permutedStrides,
  type ReduceKind,
  type ShapedInput,
  sizeOf,
  stridesOf,
  type UnaryKind,
} from '@headwise/tensor';
import { Map as Formula, Kernel, Strided } from '../../assembly/kernel-list.ts';
import type { WasmBuffer } from '../buffer.ts';
import type { Kit } from '../kit.ts';
import { map } from './elementwise.ts';

const AXES = 6;
const PER_TASK = 8192;

const formulas: Readonly<Record<UnaryKind, Formula>> = {
  exp: Formula.exp,
  log: Formula.log,
  tanh: Formula.tanh,
  sigmoid: Formula.sigmoid,
  sqrt: Formula.sqrt,
  reciprocal: Formula.reciprocal,
  abs: Formula.abs,
  floor: Formula.floor,
  'elu+1': Formula.eluPlusOne,
};

const binaries: Readonly<Record<BinaryKind, Strided>> = {
  add: Strided.add,
  subtract: Strided.subtract,
  multiply: Strided.multiply,
  divide: Strided.divide,
  maximum: Strided.maximum,
  minimum: Strided.minimum,
  less: Strided.less,
  'less-equal': Strided.lessEqual,
  equal: Strided.equal,
};

/** `y = f(x)` */
export function unary(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  return map(kit, call, formulas[(call.params as { kind: UnaryKind }).kind], call.inputs.x!);
}

/** `y = f(a, b)`, repeated along axes of size 1 */
export function binary(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { shape } = call.outputs[0]!;
  const { a, b } = call.inputs;
  const kind = binaries[(call.params as { kind: BinaryKind }).kind];
  return strided(kit, call, kind, [
    [a!, stridesOf(a!.shape, shape)],
    [b!, stridesOf(b!.shape, shape)],
  ]);
}

/** `y = condition > 0 ? a : b`, repeated along axes of size 1 */
export function where(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { shape } = call.outputs[0]!;
  const operands = [call.inputs.condition!, call.inputs.a!, call.inputs.b!];
  return strided(
    kit,
    call,
    Strided.where,
    operands.map((operand) => [operand, stridesOf(operand.shape, shape)]),
  );
}

/** The axes in another order */
export function permute(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const { axes } = call.params as { axes: readonly number[] };
  const x = call.inputs.x!;
  return strided(kit, call, Strided.copy, [[x, permutedStrides(x.shape, axes)]]);
}

/** The same numbers in another dtype */
export function cast(kit: Kit, call: OpCall): readonly WasmBuffer[] {
  const x = call.inputs.x!;
  const { dtype } = call.outputs[0]!;
  const kind = x.dtype === dtype ? Strided.copy : dtype === 'i32' ? Strided.toInteger : Strided.toFloat;
  return strided(kit, call, kind, [[x, stridesOf(x.shape, x.shape)]]);
}

/** Why a kernel that finds numbers by strides cannot run with these arguments. */
export function stridedReasons(inputs: Readonly<Record<string, ShapedInput>>): readonly string[] {
  return Object.entries(inputs).flatMap(([name, { shape }]) =>
    shape.length > AXES
      ? [`${name} has ${shape.length} axes, and the kernel takes ${AXES}: reshape it to fewer`]
      : [],
  );
}

function strided(
  kit: Kit,
  { outputs }: OpCall,
  kind: Strided,
  operands: readonly (readonly [Operand, readonly number[]])[],
): readonly WasmBuffer[] {
  const { shape } = outputs[0]!;
  const y = kit.output(outputs[0]!);
  const width = shape.at(-1) ?? 1;
  const rows = sizeOf(shape) / Math.max(1, width);
  const each = Math.max(1, Math.floor(PER_TASK / Math.max(1, width)));
  const six = (values: readonly number[], fill: number): number[] => [
    ...new Array<number>(AXES - values.length).fill(fill),
    ...values,
  ];
  const padded = [0, 1, 2].map((n) => operands[n]);
  const args = [
    ...padded.map((entry) => kit.rows(entry?.[0])),
    y.address,
    rows,
    kind,
    each,
    ...six(shape, 1),
    ...padded.flatMap((entry) => six(entry?.[1] ?? [], 0)),
  ];
  kit.launch({ kernel: Kernel.strided, args, tasks: Math.ceil(rows / each), cost: rows * width * 3 });
  return [y];
}

const reductions: Readonly<Record<ReduceKind, number>> = { sum: 0, max: 1, min: 2 };

/** `[..., E]` → `[...]` */
export function reduce(kit: Kit, { inputs, params, outputs }: OpCall): readonly WasmBuffer[] {
  const { kind } = params as { kind: ReduceKind };
  const E = inputs.x!.shape.at(-1)!;
  const rows = sizeOf(outputs[0]!.shape);
  const y = kit.output(outputs[0]!);
  const each = Math.max(1, Math.floor(PER_TASK / Math.max(1, E)));
  const args = [kit.rows(inputs.x), y.address, rows, E, reductions[kind], each];
  kit.launch({ kernel: Kernel.reduce, args, tasks: Math.ceil(rows / each), cost: rows * E });
  return [y];
}

/** Rows summed up by id */
export function scatterAdd(kit: Kit, { inputs, outputs }: OpCall): readonly WasmBuffer[] {
  const [V, E] = outputs[0]!.shape as [number, number];
  const N = sizeOf(inputs.ids!.shape);
  const y = kit.output(outputs[0]!);
  kit.onHost('zeros are made on the host');
  kit.engine.heap.views.u8.fill(0, y.address, y.address + V * E * 4);
  const columns = 256;
  const args = [kit.rows(inputs.rows), kit.rows(inputs.ids), y.address, N, V, E, columns];
  kit.launch({ kernel: Kernel.scatterAdd, args, tasks: Math.ceil(E / columns), cost: N * E });
  return [y];
}
