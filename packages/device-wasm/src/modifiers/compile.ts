import type { Modifier } from '@headwise/tensor';
import { mayReturn, namesIn, parse, type Statement } from './dialect.ts';
import { get, Lane, lanes, Parameter, type Scope, set } from './lanes.ts';
import { Code, type Definition, type Import, Lanes, leb, moduleOf, Type } from './wasm-code.ts';

/** A list of modifiers as a module over the memory of the kernels. */
export interface CompiledModifiers {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it exports `score` and `mask`, in this order. */
  readonly score: boolean;
  readonly mask: boolean;
  /** What the masks read beside positions. */
  readonly maskReads: { readonly h: boolean; readonly b: boolean };
  /** Of each modifier, read. */
  readonly parsed: readonly (readonly Statement[])[];
}

/**
 * Compiles modifiers to WebAssembly: all scores become one function over a row of scores, all masks one that says what is
 * seen; four keys at a time, in f32. Constants are read from memory, those of all modifiers in order.
 *
 * ```text
 * score (row, count, positions, q, b, h, constants, factor)   row ← factor · score; what is finite stays finite
 * mask  (row, count, positions, q, b, h, constants) → i32     row ← all ones where seen; 1 some are | 2 some are not
 * ```
 *
 * A branch is taken for those lanes whose condition holds: variables keep their value in the others.
 *
 * @throws {SyntaxError} if one leaves the dialect.
 */
export function compileModifiers(modifiers: readonly Modifier[], shared: boolean): CompiledModifiers {
  const parsed = modifiers.map(parse);
  let first = 0;
  const all = modifiers.map(({ kind, constants = {} }, id) => {
    const names = Object.keys(constants).map((name, i) => [`constants.${name}`, first + i] as const);
    first += names.length;
    return {
      kind,
      statements: parsed[id]!,
      scope: { id, variables: new Map<string, number>(), constants: new Map(names) },
    };
  });
  const imports: Import[] = [];
  const [scores, masks] = (['score', 'mask'] as const).map((kind) =>
    all.filter((each) => each.kind === kind),
  ) as [typeof all, typeof all];
  const functions: Definition[] = [];
  if (scores.length > 0) functions.push(scoreFunction(scores, imports));
  if (masks.length > 0) functions.push(maskFunction(masks, imports));
  const read = masks.map(({ statements }) => namesIn(statements));
  return {
    bytes: moduleOf(imports, functions, shared),
    score: scores.length > 0,
    mask: masks.length > 0,
    maskReads: { h: read.some((names) => names.has('h')), b: read.some((names) => names.has('b')) },
    parsed,
  };
}

interface Read {
  readonly statements: readonly Statement[];
  readonly scope: Scope;
}

const I32 = Type.i32;
const load = [...lanes(Lanes.load), 2, 0];
const store = [...lanes(Lanes.store), 2, 0];
const LARGEST = 3.4028234663852886e38;

function scoreFunction(scores: readonly Read[], imports: Import[]): Definition {
  const signature = { takes: [I32, I32, I32, I32, I32, I32, I32, Type.f32], gives: [] };
  const lane = new Lane(signature.takes.length, imports);
  const [s, k, factor] = [lane.local(), lane.local(), lane.local()];
  lane.leaves.push(...get(Parameter.factor), ...lanes(Lanes.splat), ...set(factor));
  lane.each.push(...get(Parameter.row), ...load, ...set(s));
  for (const { statements, scope } of scores) {
    scope.variables.set('s', s).set('k', k);
    const result = new Branches(lane, scope, 'score').all(statements);
    lane.each.push(...get(result), ...set(s));
  }
  const scaled = [...get(s), ...get(factor), ...lanes(Lanes.multiply)];
  lane.each.push(
    ...[...get(Parameter.row), ...lane.literal(LARGEST), ...lane.literal(-LARGEST), ...scaled],
    ...[...lanes(Lanes.pseudoMaximum), ...lanes(Lanes.pseudoMinimum), ...get(s)],
    ...[...get(s), ...lanes(Lanes.abs), ...lane.literal(Infinity), ...lanes(Lanes.less)],
    ...[...lanes(Lanes.bitselect), ...store],
  );
  return { name: 'score', signature, locals: lane.locals, code: overKeys(lane, k) };
}

function maskFunction(masks: readonly Read[], imports: Import[]): Definition {
  const signature = { takes: [I32, I32, I32, I32, I32, I32, I32], gives: [I32] };
  const lane = new Lane(signature.takes.length, imports);
  const [k, seen, some, every] = [lane.local(), lane.local(), lane.local(), lane.local()];
  const yes = [...lane.literal(0), ...lane.literal(0), ...lanes(Lanes.equal)];
  lane.once.push(...yes, ...set(every));
  masks.forEach(({ statements, scope }, n) => {
    scope.variables.set('k', k);
    const result = new Branches(lane, scope, 'mask').all(statements);
    lane.each.push(...get(result), ...(n > 0 ? [...get(seen), ...lanes(Lanes.and)] : []), ...set(seen));
  });
  lane.each.push(
    ...[...get(Parameter.row), ...get(seen), ...store],
    ...[...get(seen), ...get(some), ...lanes(Lanes.or), ...set(some)],
    ...[...get(seen), ...get(every), ...lanes(Lanes.and), ...set(every)],
  );
  const answer = [
    ...[...get(some), ...lanes(Lanes.anyTrue), ...get(every), ...lanes(Lanes.allTrue), Code.i32Eqz],
    ...[0x41, 1, Code.i32Shl, Code.i32Or],
  ];
  return { name: 'mask', signature, locals: lane.locals, code: [...overKeys(lane, k), ...answer] };
}

/** The loop over the keys of a row. */
function overKeys(lane: Lane, k: number): number[] {
  const end = lane.local(I32);
  const { positions, count, row } = Parameter;
  const onward = (local: number): number[] => [...get(local), 0x41, 16, Code.i32Add, ...set(local)];
  return [
    ...[...get(positions), ...get(count), 0x41, 2, Code.i32Shl, Code.i32Add, ...set(end)],
    ...[...lane.leaves, ...lane.once, Code.loop, Type.none],
    ...[...get(positions), ...load, ...lanes(Lanes.fromIntegers), ...set(k)],
    ...[...lane.each, ...onward(row), ...onward(positions)],
    ...[...get(positions), ...get(end), Code.i32LessUnsigned, Code.brIf, 0, Code.end],
  ];
}

/** Statements of one modifier, on lanes that go different ways. */
class Branches {
  readonly #lane: Lane;
  readonly #scope: Scope;
  readonly #kind: Modifier['kind'];
  readonly #result: number;
  /** Lanes that have not returned; undefined where none returns before the last statement. */
  #going: number | undefined;

  constructor(lane: Lane, scope: Scope, kind: Modifier['kind']) {
    this.#lane = lane;
    this.#scope = scope;
    this.#kind = kind;
    this.#result = lane.local();
  }

  /** @returns the local of the result: a number of a score, all ones or zeros of a mask */
  all(statements: readonly Statement[]): number {
    const { each } = this.#lane;
    if (mayReturn(statements.slice(0, -1)) || statements.at(-1)!.is !== 'return') {
      this.#going = this.#lane.local();
      const zero = this.#lane.literal(0);
      each.push(...zero, ...zero, ...lanes(Lanes.equal), ...set(this.#going));
    }
    this.#list(statements, undefined);
    return this.#result;
  }

  #list(statements: readonly Statement[], active: number | undefined): void {
    const { each } = this.#lane;
    let current = active;
    statements.forEach((statement, i) => {
      this.#statement(statement, current);
      if (i === statements.length - 1 || !mayReturn([statement])) return;
      const left = this.#lane.local();
      each.push(
        ...get(this.#going!),
        ...(active === undefined ? [] : [...get(active), ...lanes(Lanes.and)]),
        ...set(left),
      );
      current = left;
    });
  }

  #statement(statement: Statement, active: number | undefined): void {
    const { each } = this.#lane;
    switch (statement.is) {
      case 'return': {
        const { value } = statement;
        const code =
          this.#kind === 'mask' ? this.#lane.truth(value, this.#scope) : this.#lane.value(value, this.#scope);
        this.#assign(this.#result, code, active);
        if (active !== undefined && this.#going !== undefined)
          each.push(...get(this.#going), ...get(active), ...lanes(Lanes.andNot), ...set(this.#going));
        return;
      }
      case 'set':
        this.#assign(this.#variable(statement.name), this.#lane.value(statement.value, this.#scope), active);
        return;
      case 'if':
        this.#if(statement, active);
        return;
      case 'for':
        this.#for(statement, active);
        return;
    }
  }

  #variable(name: string): number {
    const { variables } = this.#scope;
    if (!variables.has(name)) variables.set(name, this.#lane.local());
    return variables.get(name)!;
  }

  #assign(local: number, code: readonly number[], active: number | undefined): void {
    const { each } = this.#lane;
    if (active === undefined) each.push(...code, ...set(local));
    else each.push(...code, ...get(local), ...get(active), ...lanes(Lanes.bitselect), ...set(local));
  }

  #if({ test, then, otherwise }: Extract<Statement, { is: 'if' }>, active: number | undefined): void {
    const { each } = this.#lane;
    const [holds, fails] = [this.#lane.local(), this.#lane.local()];
    each.push(...this.#lane.value(test, this.#scope), ...set(holds));
    if (active === undefined) each.push(...get(holds), ...lanes(Lanes.not), ...set(fails));
    else
      each.push(
        ...[...get(active), ...get(holds), ...lanes(Lanes.andNot), ...set(fails)],
        ...[...get(active), ...get(holds), ...lanes(Lanes.and), ...set(holds)],
      );
    for (const [branch, lane] of [[then, holds] as const, [otherwise, fails] as const]) {
      if (branch.length === 0) continue;
      each.push(...get(lane), ...lanes(Lanes.anyTrue), Code.if, Type.none);
      this.#list(branch, lane);
      each.push(Code.end);
    }
  }

  #for({ name, test, step, body }: Extract<Statement, { is: 'for' }>, active: number | undefined): void {
    const { each } = this.#lane;
    const [counter, inside] = [this.#variable(name), this.#lane.local()];
    each.push(...this.#lane.literal(0), ...set(counter), Code.block, Type.none, Code.loop, Type.none);
    each.push(...this.#lane.value(test, this.#scope));
    for (const lane of [active, this.#going])
      if (lane !== undefined) each.push(...get(lane), ...lanes(Lanes.and));
    each.push(...set(inside), ...get(inside), ...lanes(Lanes.anyTrue), Code.i32Eqz, Code.brIf, ...leb(1));
    this.#list(body, inside);
    each.push(...get(counter), ...this.#lane.literal(step), ...lanes(Lanes.add), ...set(counter));
    each.push(Code.br, ...leb(0), Code.end, Code.end);
  }
}
