import { own } from '../own.ts';
import {
  apply,
  castOf,
  type GraphNode,
  type ModGraph,
  passing,
  readConstant,
  type Value,
} from './attention-flex-graph.ts';

/** A graph as scalar functions of the score and its place, in the dialect of modifiers. */
export interface GraphModifiers {
  /** The new score. */
  readonly score: string;
  /** A condition under which the key is hidden; absent where none is. */
  readonly hidden?: string;
}

type Shape4 = readonly [B: number, H: number, Lq: number, Lk: number];

/** A value that depends on the score: text of a number or of a condition, and when it is −∞ instead. */
interface Expression {
  readonly kind: 'number' | 'condition';
  readonly text: string;
  readonly hidden?: string | undefined;
}

type Known = { readonly value: Value } | { readonly expression: Expression };

/** Most numbers of a table that are spelled out in the text. */
const SPELLED = 64;

/** The condition of a value that is −∞ everywhere. */
const ALWAYS = '(0 === 0)';

const names = ['b', 'h', 'q', 'k'] as const;

const binary: Readonly<Record<string, (a: string, b: string) => string>> = {
  Add: (a, b) => `(${a} + ${b})`,
  Sub: (a, b) => `(${a} - ${b})`,
  Mul: (a, b) => `(${a} * ${b})`,
  Div: (a, b) => `(${a} / ${b})`,
  Max: (a, b) => `Math.max(${a}, ${b})`,
  Min: (a, b) => `Math.min(${a}, ${b})`,
  Pow: (a, b) => `Math.pow(${a}, ${b})`,
};

const unary: Readonly<Record<string, (a: string) => string>> = {
  Abs: (a) => `Math.abs(${a})`,
  Ceil: (a) => `Math.ceil(${a})`,
  Cos: (a) => `Math.cos(${a})`,
  Exp: (a) => `Math.exp(${a})`,
  Floor: (a) => `Math.floor(${a})`,
  Log: (a) => `Math.log(${a})`,
  Neg: (a) => `(-${a})`,
  Reciprocal: (a) => `(1 / ${a})`,
  Relu: (a) => `Math.max(${a}, 0)`,
  Sigmoid: (a) => `(1 / (1 + Math.exp(-${a})))`,
  Sign: (a) => `Math.sign(${a})`,
  Sin: (a) => `Math.sin(${a})`,
  Sqrt: (a) => `Math.sqrt(${a})`,
  // tanh of a large number is NaN on GPUs
  Tanh: (a) => `Math.tanh(Math.max(-20, Math.min(20, ${a})))`,
};

const compare: Readonly<Record<string, string>> = {
  Equal: '===',
  Greater: '>',
  GreaterOrEqual: '>=',
  Less: '<',
  LessOrEqual: '<=',
};

/**
 * Translates a graph over scores `[B, H, Lq, Lk]`. Values that do not depend on the score are computed, and where
 * they vary over one axis become an index (`q`), a line (`2 * k + 1`) or, if short, a table of the text.
 *
 * @returns undefined where no scalar function says it: a long table, or −∞ that depends on the score
 */
export function graphModifiers(graph: ModGraph, shape: Shape4): GraphModifiers | undefined {
  const known = new Map<string, Known>([[graph.inputs[0]!, { expression: { kind: 'number', text: 's' } }]]);
  for (const [name, json] of Object.entries(graph.initializers))
    known.set(name, { value: readConstant(json) });
  for (const node of graph.nodes) {
    const operands = node.inputs.filter((name) => name !== '').map((name) => known.get(name));
    if (operands.some((operand) => !operand)) return undefined;
    const result = translate(node, operands as Known[], shape);
    if (!result) return undefined;
    known.set(node.outputs[0]!, result);
  }
  const result = known.get(graph.outputs[0]!);
  const expression = result && asExpression(result, shape);
  if (!expression || (expression.hidden !== undefined && readsScore(expression.hidden))) return undefined;
  return {
    score: number(expression).text,
    ...(expression.hidden !== undefined && { hidden: expression.hidden }),
  };
}

function translate(node: GraphNode, operands: readonly Known[], shape: Shape4): Known | undefined {
  if (passing.includes(node.op)) return operands[0];
  if (node.op === 'Shape') {
    const [of] = operands;
    const sizes = of && 'value' in of ? of.value.shape : shape;
    return { value: { shape: [sizes.length], data: Float64Array.from(sizes) } };
  }
  const values = operands.flatMap((operand) => ('value' in operand ? [operand.value] : []));
  const value = values.length === operands.length ? apply(node, values) : undefined;
  // one over two axes (q >= k) is better said as a comparison of indices than as a table
  if (value && value.shape.filter((size) => size !== 1).length < 2) return { value };
  const expressions = operands.map((operand) => asExpression(operand, shape));
  const expression = expressions.every((part) => part !== undefined) ? combine(node, expressions) : undefined;
  return expression ? { expression } : value && { value };
}

function combine(node: GraphNode, parts: readonly Expression[]): Expression | undefined {
  const { op } = node;
  if (op === 'Where') return where(condition(parts[0]!), number(parts[1]!), number(parts[2]!));
  const hidden = parts.flatMap((part) => part.hidden ?? []);
  if (op === 'Cast') {
    if (castOf(node) === undefined) return number(parts[0]!);
    return parts[0]!.kind === 'condition' ? number(parts[0]!) : undefined;
  }
  // −∞ stays −∞ under a sum, and under nothing else that is looked at here
  if (hidden.length > 0 && op !== 'Add' && op !== 'Sum') return undefined;

  if (op === 'Not') return { kind: 'condition', text: `!(${condition(parts[0]!).text})` };
  if (op === 'And' || op === 'Or') {
    const [a, b] = parts.map(condition) as [Expression, Expression];
    return { kind: 'condition', text: `(${a.text} ${op === 'And' ? '&&' : '||'} ${b.text})` };
  }
  const [a, b, c] = parts.map((part) => number(part).text) as [
    string,
    string | undefined,
    string | undefined,
  ];
  const comparison = own(compare, op);
  if (comparison) return { kind: 'condition', text: `(${a} ${comparison} ${b})` };
  if (op === 'Clip') {
    const low = b ? `Math.max(${a}, ${b})` : a;
    return { kind: 'number', text: c ? `Math.min(${low}, ${c})` : low };
  }
  const fold = op === 'Sum' ? binary.Add : own(binary, op);
  const text = fold ? parts.map((part) => number(part).text).reduce(fold) : own(unary, op)?.(a);
  if (text === undefined) return undefined;
  return { kind: 'number', text, ...(hidden.length > 0 && { hidden: `(${hidden.join(' || ')})` }) };
}

function number(part: Expression): Expression {
  return part.kind === 'number' ? part : { kind: 'number', text: `(${part.text} ? 1 : 0)` };
}

function condition(part: Expression): Expression {
  return part.kind === 'condition' ? part : { kind: 'condition', text: `(${part.text} !== 0)` };
}

function where({ text: test }: Expression, yes: Expression, no: Expression): Expression {
  const hidden = [
    ...(yes.hidden ? [yes.hidden === ALWAYS ? test : `(${test} && ${yes.hidden})`] : []),
    ...(no.hidden ? [no.hidden === ALWAYS ? `!(${test})` : `(!(${test}) && ${no.hidden})`] : []),
  ];
  return {
    kind: 'number',
    text: `(${test} ? ${yes.text} : ${no.text})`,
    ...(hidden.length > 0 && { hidden: hidden.length === 1 ? hidden[0] : `(${hidden.join(' || ')})` }),
  };
}

/** A known value as text: a number, an index or a line of one, a short table; 1 and 0 may serve as a condition. */
function asExpression(known: Known, shape: Shape4): Expression | undefined {
  if ('expression' in known) return known.expression;
  const { value } = known;
  if (value.shape.length > 4) return undefined;
  const own = [...Array<number>(4 - value.shape.length).fill(1), ...value.shape];
  if (own.some((size, axis) => size !== 1 && size !== shape[axis])) return undefined;
  const axes = own.flatMap((size, axis) => (size === 1 ? [] : [axis]));
  if (value.data.every((item) => item === -Infinity)) return { kind: 'number', text: '0', hidden: ALWAYS };
  if (!value.data.every(Number.isFinite)) return undefined;
  const [axis] = axes;
  if (axis === undefined) return { kind: 'number', text: spell(value.data[0]!) };
  if (axes.length > 1) return undefined;
  const [first = 0, second = 0] = value.data;
  const step = second - first;
  const name = names[axis]!;
  if (value.data.every((item, i) => item === first + step * i)) {
    const line = step === 1 ? name : `(${spell(step)} * ${name})`;
    return { kind: 'number', text: first === 0 ? line : `(${line} + ${spell(first)})` };
  }
  if (value.data.length > SPELLED) return undefined;
  const items = [...value.data];
  const table = items
    .slice(0, -1)
    .reduceRight((rest, item, i) => `(${name} === ${i} ? ${spell(item)} : ${rest})`, spell(items.at(-1)!));
  return { kind: 'number', text: table };
}

function spell(value: number): string {
  return value < 0 || Object.is(value, -0) ? `(${value})` : String(value);
}

function readsScore(text: string): boolean {
  return /\bs\b/.test(text);
}
