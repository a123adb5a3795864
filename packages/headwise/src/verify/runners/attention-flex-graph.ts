import { own } from '../own.ts';

/** A subgraph of ONNX's FlexAttention, as a case's attributes spell it. */
export interface ModGraph {
  readonly nodes: readonly GraphNode[];
  readonly initializers: Readonly<Record<string, unknown>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A value of the graph: numbers (booleans as 1 and 0) with a shape. */
export interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Element-wise operators: how many operands, and what they give. */
const elementwise: Readonly<Record<string, (...values: number[]) => number>> = {
  Abs: Math.abs,
  Add: (a, b) => a! + b!,
  And: (a, b) => (a !== 0 && b !== 0 ? 1 : 0),
  Ceil: Math.ceil,
  Cos: Math.cos,
  Div: (a, b) => a! / b!,
  Equal: (a, b) => (a === b ? 1 : 0),
  Exp: Math.exp,
  Floor: Math.floor,
  Greater: (a, b) => (a! > b! ? 1 : 0),
  GreaterOrEqual: (a, b) => (a! >= b! ? 1 : 0),
  Less: (a, b) => (a! < b! ? 1 : 0),
  LessOrEqual: (a, b) => (a! <= b! ? 1 : 0),
  Log: Math.log,
  Max: Math.max,
  Min: Math.min,
  Mod: (a, b) => a! - b! * Math.floor(a! / b!),
  Mul: (a, b) => a! * b!,
  Neg: (a) => -a!,
  Not: (a) => (a !== 0 ? 0 : 1),
  Or: (a, b) => (a !== 0 || b !== 0 ? 1 : 0),
  Pow: (a, b) => a! ** b!,
  Reciprocal: (a) => 1 / a!,
  Relu: (a) => Math.max(a!, 0),
  Round: (a) => (Math.abs(a! % 1) === 0.5 ? 2 * Math.round(a! / 2) : Math.round(a!)),
  Sigmoid: (a) => 1 / (1 + Math.exp(-a!)),
  Sign: Math.sign,
  Sin: Math.sin,
  Sqrt: Math.sqrt,
  Sub: (a, b) => a! - b!,
  Sum: (...values) => values.reduce((sum, value) => sum + value, 0),
  Tanh: Math.tanh,
  Where: (condition, a, b) => (condition !== 0 ? a! : b!),
  Xor: (a, b) => ((a !== 0) !== (b !== 0) ? 1 : 0),
};

/** Operators that hand their first operand on. */
export const passing = ['Identity', 'CastLike', 'Dropout'];

/** ONNX's numbers of the types that a cast rounds to: whole ones, and booleans. */
const whole = [2, 3, 4, 5, 6, 7, 12, 13];
const boolean = 9;

/** What a cast does to a number; undefined where nothing. */
export function castOf(node: GraphNode): ((value: number) => number) | undefined {
  if (node.op !== 'Cast') return undefined;
  if (Number(node.attributes.to) === boolean) return (value) => (value !== 0 ? 1 : 0);
  return whole.includes(Number(node.attributes.to)) ? Math.trunc : undefined;
}

/** Numbers, nested lists, booleans and the texts `inf`, `-inf`, `nan`, as JSON spells a tensor. */
export function readConstant(json: unknown): Value {
  if (Array.isArray(json)) {
    const parts = json.map(readConstant);
    const data = parts.flatMap((part) => [...part.data]);
    return { shape: [parts.length, ...(parts[0]?.shape ?? [])], data: Float64Array.from(data) };
  }
  const texts: Readonly<Record<string, number>> = {
    inf: Infinity,
    '+inf': Infinity,
    '-inf': -Infinity,
    nan: Number.NaN,
  };
  const value = typeof json === 'string' ? (own(texts, json.toLowerCase()) ?? Number(json)) : Number(json);
  return { shape: [], data: Float64Array.of(value) };
}

/** Applies an element-wise operator to values that are repeated over each other's axes as in numpy. */
function zip(fn: (...values: number[]) => number, values: readonly Value[]): Value {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  const padded = values.map(({ shape }) => [...Array<number>(rank - shape.length).fill(1), ...shape]);
  const shape = Array.from({ length: rank }, (_, axis) => {
    const sizes = padded.map((own) => own[axis]!).filter((size) => size !== 1);
    return sizes[0] ?? 1;
  });
  const strides = padded.map((own) =>
    own.map((size, axis) => (size === 1 ? 0 : own.slice(axis + 1).reduce((a, b) => a * b, 1))),
  );
  const length = shape.reduce((a, b) => a * b, 1);
  const data = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    const operands = values.map((value, v) => {
      let at = 0;
      let rest = i;
      for (let axis = rank - 1; axis >= 0; axis--) {
        at += (rest % shape[axis]!) * strides[v]![axis]!;
        rest = Math.floor(rest / shape[axis]!);
      }
      return value.data[at]!;
    });
    data[i] = fn(...operands);
  }
  return { shape, data };
}

/** Operators on shapes and indices, whose operands are known before any score is. */
function evaluateShape(node: GraphNode, operands: readonly Value[]): Value | undefined {
  const [x, second] = operands as [Value, Value | undefined];
  const list = (value: Value | undefined): number[] => Array.from(value?.data ?? []);
  const axes = (): number[] =>
    second ? list(second) : ((node.attributes.axes as number[] | undefined) ?? []);
  switch (node.op) {
    case 'Shape':
      return { shape: [x.shape.length], data: Float64Array.from(x.shape) };
    case 'Range': {
      const [start, limit, delta] = operands.map((value) => value.data[0]!) as [number, number, number];
      const count = Math.max(0, Math.ceil((limit - start) / delta));
      return { shape: [count], data: Float64Array.from({ length: count }, (_, i) => start + i * delta) };
    }
    case 'Gather': {
      if (x.shape.length !== 1) return undefined;
      const picked = list(second).map((index) => x.data[index < 0 ? index + x.data.length : index]!);
      return { shape: second!.shape, data: Float64Array.from(picked) };
    }
    case 'Concat':
      return { shape: [operands.flatMap(list).length], data: Float64Array.from(operands.flatMap(list)) };
    case 'Reshape': {
      const wanted = list(second).map((size, axis) => (size === 0 ? x.shape[axis]! : size));
      const known = wanted.filter((size) => size !== -1).reduce((a, b) => a * b, 1);
      return { ...x, shape: wanted.map((size) => (size === -1 ? x.data.length / known : size)) };
    }
    case 'Unsqueeze': {
      const rank = x.shape.length + axes().length;
      const shape = [...x.shape];
      for (const axis of axes()
        .map((a) => (a < 0 ? a + rank : a))
        .sort((a, b) => a - b))
        shape.splice(axis, 0, 1);
      return { ...x, shape };
    }
    case 'Squeeze': {
      const drop = axes().map((a) => (a < 0 ? a + x.shape.length : a));
      const shape = x.shape.filter((size, axis) => (drop.length > 0 ? !drop.includes(axis) : size !== 1));
      return { ...x, shape };
    }
    case 'Expand': {
      const wanted = { shape: list(second), data: new Float64Array(list(second).reduce((a, b) => a * b, 1)) };
      return zip((a) => a!, [x, wanted]);
    }
    case 'Constant':
      return readConstant(
        node.attributes.value ??
          node.attributes.value_float ??
          node.attributes.value_int ??
          node.attributes.value_ints ??
          node.attributes.value_floats,
      );
    default:
      return undefined;
  }
}

/**
 * Computes a graph on the host.
 *
 * @throws {TypeError} for an operator that it does not know.
 */
export function evaluate(graph: ModGraph, input: Value): Value {
  const values = new Map<string, Value>([[graph.inputs[0]!, input]]);
  for (const [name, json] of Object.entries(graph.initializers)) values.set(name, readConstant(json));
  for (const node of graph.nodes) {
    const operands = node.inputs
      .filter((name) => name !== '')
      .map((name) => {
        const value = values.get(name);
        if (!value) throw new TypeError(`FlexAttention: ${node.op} reads ${name}, which nothing computes`);
        return value;
      });
    const value = apply(node, operands);
    if (!value) throw new TypeError(`FlexAttention: the operator ${node.op} is not known here`);
    values.set(node.outputs[0]!, value);
  }
  return values.get(graph.outputs[0]!)!;
}

/** One operator on known values; undefined for one that is not known. */
export function apply(node: GraphNode, operands: readonly Value[]): Value | undefined {
  if (passing.includes(node.op)) return operands[0];
  if (node.op === 'Cast') return zip(castOf(node) ?? ((value) => value!), operands);
  if (node.op === 'Clip') return clip(operands);
  const fn = own(elementwise, node.op);
  return fn ? zip(fn, operands) : evaluateShape(node, operands);
}

function clip([x, low, high]: readonly Value[]): Value {
  const atLeast = low ? zip(Math.max, [x!, low]) : x!;
  return high ? zip(Math.min, [atLeast, high]) : atLeast;
}
