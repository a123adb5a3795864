import type { Expression } from './dialect.ts';
import { Code, type Import, Lanes, leb, Type } from './wasm-code.ts';

/** What all modifiers of one list share: parameters of the functions, from the third on. */
export const Parameter = {
  row: 0,
  count: 1,
  positions: 2,
  q: 3,
  b: 4,
  h: 5,
  constants: 6,
  factor: 7,
} as const;

/** Functions of the kernels on four lanes, and of the host on one number in f64. */
const KERNELS = ['exp', 'log', 'tanh'];
const HOST = ['sin', 'cos', 'pow'];

const DIRECT: Readonly<Record<string, number>> = {
  '+': Lanes.add,
  '-': Lanes.subtract,
  '*': Lanes.multiply,
  '/': Lanes.divide,
  '<': Lanes.less,
  '<=': Lanes.lessEqual,
  '>': Lanes.greater,
  '>=': Lanes.greaterEqual,
  '===': Lanes.equal,
  '!==': Lanes.notEqual,
  '&&': Lanes.and,
  '||': Lanes.or,
  abs: Lanes.abs,
  ceil: Lanes.ceil,
  floor: Lanes.floor,
  sqrt: Lanes.sqrt,
  max: Lanes.maximum,
  min: Lanes.minimum,
};

const ZERO: Expression = { is: 'literal', value: 0 };

/**
 * One function of a compiled module: what is the same for a whole row is computed once, before the loop over its keys, four
 * of which are the lanes of a vector.
 */
export class Lane {
  /** Parameters, literals, constants; what is made of them; and what runs for every four keys. */
  readonly leaves: number[] = [];
  readonly once: number[] = [];
  readonly each: number[] = [];
  readonly locals: number[] = [];
  readonly #known = new Map<string, number>();
  readonly #imports: Import[];
  readonly #parameters: number;

  constructor(parameters: number, imports: Import[]) {
    this.#parameters = parameters;
    this.#imports = imports;
  }

  local(type: number = Type.v128): number {
    this.locals.push(type);
    return this.#parameters + this.locals.length - 1;
  }

  /** The local of something that is the same for the whole row, written when it is first wanted. */
  #leaf(key: string, code: () => readonly number[]): number {
    const found = this.#known.get(key);
    if (found !== undefined) return found;
    const local = this.local();
    this.#known.set(key, local);
    this.leaves.push(...code(), ...set(local));
    return local;
  }

  literal(value: number): number[] {
    const local = this.#leaf(`literal ${Object.is(value, -0) ? '-0' : value}`, () => [
      ...[0x43, ...new Uint8Array(new Float32Array([value]).buffer)],
      ...lanes(Lanes.splat),
    ]);
    return get(local);
  }

  /** A parameter of the row. */
  #parameter(name: 'q' | 'b' | 'h'): number[] {
    const code = (): number[] => [...get(Parameter[name]), Code.toFloat, ...lanes(Lanes.splat)];
    return get(this.#leaf(name, code));
  }

  #constant(index: number): number[] {
    const code = (): number[] => [
      ...get(Parameter.constants),
      ...lanes(Lanes.loadSplat),
      2,
      ...leb(index * 4),
    ];
    return get(this.#leaf(`constant ${index}`, code));
  }

  #call(imported: Import): number[] {
    let at = this.#imports.findIndex(
      ({ module, name }) => module === imported.module && name === imported.name,
    );
    if (at < 0) at = this.#imports.push(imported) - 1;
    return [Code.call, ...leb(at)];
  }

  /** Code that leaves an expression on the stack: four numbers, or four times all ones or zeros. */
  value(node: Expression, scope: Scope): number[] {
    if (node.is === 'literal') return this.literal(node.value);
    if (node.is === 'name') return this.#name(node.name, scope);
    return isRowwise(node)
      ? this.#hoisted(`value ${key(node, scope)}`, () => this.#made(node, scope))
      : this.#made(node, scope);
  }

  /** Whether a number is not 0. */
  truth(node: Expression, scope: Scope): number[] {
    if (node.is === 'choice' && node.a.is === 'literal' && node.b.is === 'literal') {
      const [a, b] = [node.a.value !== 0, node.b.value !== 0];
      if (a && !b) return this.value(node.test, scope);
      if (b && !a) return this.value({ is: 'unary', operator: '!', a: node.test }, scope);
    }
    return this.value({ is: 'binary', operator: '!==', a: node, b: ZERO }, scope);
  }

  #name(name: string, scope: Scope): number[] {
    if (name === 'q' || name === 'b' || name === 'h') return this.#parameter(name);
    if (name.startsWith('constants.')) return this.#constant(scope.constants.get(name)!);
    return get(scope.variables.get(name)!);
  }

  #hoisted(name: string, code: () => number[]): number[] {
    let local = this.#known.get(name);
    if (local === undefined) {
      const made = code();
      local = this.local();
      this.#known.set(name, local);
      this.once.push(...made, ...set(local));
    }
    return get(local);
  }

  #made(node: Expression, scope: Scope): number[] {
    const of = (part: Expression): number[] => this.value(part, scope);
    switch (node.is) {
      case 'unary':
        return [...of(node.a), ...lanes(node.operator === '!' ? Lanes.not : Lanes.negate)];
      case 'binary':
        if (node.operator === '%') return this.#remainder(of(node.a), of(node.b));
        return [...of(node.a), ...of(node.b), ...lanes(DIRECT[node.operator]!)];
      case 'choice':
        return [...of(node.a), ...of(node.b), ...of(node.test), ...lanes(Lanes.bitselect)];
      case 'call':
        return this.#function(node.name, node.args.map(of), isRowwise(node));
      default:
        return this.value(node, scope);
    }
  }

  #function(name: string, args: readonly number[][], rowwise: boolean): number[] {
    const direct = DIRECT[name];
    if (direct !== undefined) return [...args.flat(), ...lanes(direct)];
    if (KERNELS.includes(name)) {
      const signature = { takes: [Type.v128], gives: [Type.v128] };
      return [...args.flat(), ...this.#call({ module: 'env', name, signature })];
    }
    if (HOST.includes(name)) return this.#onHost(name, args, rowwise);
    const x = this.local();
    const start = [...args[0]!, ...set(x)];
    if (name === 'round') {
      // 0.49999997 + 0.5 would be 1
      const floor = [...get(x), ...lanes(Lanes.floor)];
      const up = [
        ...get(x),
        ...floor,
        ...lanes(Lanes.subtract),
        ...this.literal(0.5),
        ...lanes(Lanes.greaterEqual),
      ];
      return [...start, ...floor, ...up, ...this.literal(1), ...lanes(Lanes.and), ...lanes(Lanes.add)];
    }
    // sign: NaN and the zeros are their own
    const beyond = (comparison: number): number[] => [...get(x), ...this.literal(0), ...lanes(comparison)];
    const either = (left: number, right: number): number[] => [
      ...[...beyond(Lanes.greater), ...this.literal(left), ...lanes(Lanes.and)],
      ...[...beyond(Lanes.less), ...this.literal(right), ...lanes(Lanes.and), ...lanes(Lanes.or)],
    ];
    const any = [...beyond(Lanes.greater), ...beyond(Lanes.less), ...lanes(Lanes.or)];
    return [...start, ...either(1, -1), ...get(x), ...any, ...lanes(Lanes.bitselect)];
  }

  /** Lane by lane, in f64; what is the same for a row is called for one. */
  #onHost(name: string, args: readonly number[][], rowwise: boolean): number[] {
    const inputs = args.map(() => this.local());
    const signature = { takes: args.map(() => Type.f64), gives: [Type.f64] };
    const call = this.#call({ module: 'Math', name, signature });
    const code = args.flatMap((arg, i) => [...arg, ...set(inputs[i]!)]);
    for (let lane = 0; lane < (rowwise ? 1 : 4); lane++) {
      for (const input of inputs) code.push(...get(input), ...lanes(Lanes.extract), lane, Code.promote);
      code.push(...call, Code.demote, ...(lane === 0 ? lanes(Lanes.splat) : [...lanes(Lanes.replace), lane]));
    }
    return code;
  }

  /** a % b with the sign of a: the quotient may have been rounded to the next whole number. */
  #remainder(a: number[], b: number[]): number[] {
    const [x, y, r, step] = [this.local(), this.local(), this.local(), this.local()];
    const width = [...get(y), ...lanes(Lanes.abs)];
    // by infinity nothing is taken away, where the quotient times it would be NaN
    const whole = [
      ...[...width, ...this.literal(Infinity), ...lanes(Lanes.equal)],
      ...[
        ...get(x),
        ...lanes(Lanes.abs),
        ...this.literal(Infinity),
        ...lanes(Lanes.less),
        ...lanes(Lanes.and),
      ],
    ];
    return [
      ...[...a, ...set(x), ...b, ...set(y)],
      ...[...get(x), ...get(x), ...get(y), ...lanes(Lanes.divide), ...lanes(Lanes.truncate), ...get(y)],
      ...[...lanes(Lanes.multiply), ...lanes(Lanes.subtract), ...set(r)],
      ...[...width, ...get(x), ...this.literal(-0), ...lanes(Lanes.and), ...lanes(Lanes.or), ...set(step)],
      ...[
        ...get(r),
        ...get(step),
        ...get(r),
        ...get(x),
        ...lanes(Lanes.multiply),
        ...this.literal(0),
        ...lanes(Lanes.less),
      ],
      ...[...lanes(Lanes.and), ...lanes(Lanes.add), ...set(r), ...get(x)],
      ...[...get(r), ...get(step), ...get(r), ...lanes(Lanes.abs), ...width, ...lanes(Lanes.greaterEqual)],
      ...[...lanes(Lanes.and), ...lanes(Lanes.subtract), ...whole, ...lanes(Lanes.bitselect)],
    ];
  }
}

/** What names of one modifier stand for. */
export interface Scope {
  readonly id: number;
  /** Locals of `s`, `k` and the variables. */
  readonly variables: Map<string, number>;
  /** Places among the constants, by `constants.<name>`. */
  readonly constants: ReadonlyMap<string, number>;
}

/** Whether an expression is the same for all keys of a row. */
function isRowwise(node: Expression): boolean {
  switch (node.is) {
    case 'literal':
      return true;
    case 'name':
      return (
        node.name === 'q' || node.name === 'b' || node.name === 'h' || node.name.startsWith('constants.')
      );
    case 'unary':
      return isRowwise(node.a);
    case 'binary':
      return isRowwise(node.a) && isRowwise(node.b);
    case 'choice':
      return isRowwise(node.test) && isRowwise(node.a) && isRowwise(node.b);
    case 'call':
      return node.args.every(isRowwise);
  }
}

/** Constants of two modifiers may have one name. */
function key(node: Expression, { id }: Scope): string {
  return `${id} ${JSON.stringify(node, (_, value) => (Object.is(value, -0) ? '-0' : value))}`;
}

export const get = (local: number): number[] => [Code.get, ...leb(local)];
export const set = (local: number): number[] => [Code.set, ...leb(local)];
export const lanes = (instruction: number): number[] => [0xfd, ...leb(instruction)];
