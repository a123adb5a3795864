import type { Modifier } from '@headwise/tensor';
import { Tokens } from './tokens.ts';

/** A number or, of a comparison, whether it holds. */
export type Expression =
  | { readonly is: 'literal'; readonly value: number }
  /** A parameter by its name in `Parsed`, a constant as `constants.<name>`, or a variable. */
  | { readonly is: 'name'; readonly name: string }
  | { readonly is: 'unary'; readonly operator: '-' | '!'; readonly a: Expression }
  | { readonly is: 'binary'; readonly operator: Binary; readonly a: Expression; readonly b: Expression }
  | { readonly is: 'choice'; readonly test: Expression; readonly a: Expression; readonly b: Expression }
  | { readonly is: 'call'; readonly name: string; readonly args: readonly Expression[] };

export type Comparison = '<' | '<=' | '>' | '>=' | '===' | '!==';
export type Binary = '+' | '-' | '*' | '/' | '%' | Comparison | '&&' | '||';

export type Statement =
  | { readonly is: 'return'; readonly value: Expression }
  | { readonly is: 'set'; readonly name: string; readonly value: Expression }
  | {
      readonly is: 'if';
      readonly test: Expression;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  /** `name` counts from 0 in steps, the same for everybody, while the test holds. */
  | {
      readonly is: 'for';
      readonly name: string;
      readonly test: Expression;
      readonly step: number;
      readonly body: readonly Statement[];
    };

/** Numbers of arguments of the functions of `Math`. */
const FUNCTIONS: Readonly<Record<string, number>> = {
  abs: 1,
  ceil: 1,
  cos: 1,
  exp: 1,
  floor: 1,
  log: 1,
  max: 2,
  min: 2,
  pow: 2,
  round: 1,
  sign: 1,
  sin: 1,
  sqrt: 1,
  tanh: 1,
};

const PARAMETERS = { score: ['s', 'b', 'h', 'q', 'k'], mask: ['b', 'h', 'q', 'k'] } as const;
const COMPARISONS = ['<', '<=', '>', '>=', '===', '!==', '==', '!='];

/**
 * Reads a modifier: the portable dialect of `@headwise/attention-variants`, whose `scoreModifier` and `maskModifier` explain
 * what is wrong with a text; here whatever is not of it is refused.
 *
 * @throws {SyntaxError} saying where it leaves the dialect.
 */
export function parse({ kind, source, constants = {} }: Modifier): readonly Statement[] {
  return new Parser(kind, source, Object.keys(constants)).whole();
}

class Parser {
  readonly #tokens: Tokens;
  readonly #kind: Modifier['kind'];
  /** What stands for a name of the source. */
  readonly #names = new Map<string, string>();

  constructor(kind: Modifier['kind'], source: string, constants: readonly string[]) {
    this.#kind = kind;
    this.#tokens = new Tokens(source);
    for (const name of constants) this.#names.set(name, `constants.${name}`);
  }

  whole(): readonly Statement[] {
    const tokens = this.#tokens;
    tokens.take('function');
    if (tokens.next !== '(') tokens.name();
    tokens.take('(');
    const parameters = PARAMETERS[this.#kind];
    parameters.forEach((name, i) => {
      if (i > 0) tokens.take(',');
      this.#names.set(tokens.name(), name);
    });
    tokens.take(')');
    const body = this.#block();
    tokens.end();
    if (!alwaysReturns(body)) tokens.refuse('may end without returning a number');
    return body;
  }

  #block(): Statement[] {
    const tokens = this.#tokens;
    const statements: Statement[] = [];
    tokens.take('{');
    while (!tokens.has('}')) statements.push(...this.#statement());
    return statements;
  }

  #statement(): readonly Statement[] {
    const tokens = this.#tokens;
    if (tokens.has(';')) return [];
    if (tokens.next === '{') return this.#block();
    if (tokens.has('if')) return [this.#if()];
    if (tokens.has('for')) return [this.#for()];
    if (tokens.has('return')) return this.#ended([{ is: 'return', value: this.#number() }]);
    if (tokens.has('let') || tokens.has('const')) return this.#declarations();
    const name = this.#variable(tokens.name());
    const operator = tokens.any('=', '+=', '-=', '*=', '/=', '++', '--');
    if (operator === undefined) tokens.refuse('is no assignment');
    const old = { is: 'name', name } as const;
    if (operator === '++' || operator === '--')
      return this.#ended([
        {
          is: 'set',
          name,
          value: { is: 'binary', operator: operator[0] as '+' | '-', a: old, b: { is: 'literal', value: 1 } },
        },
      ]);
    const b = this.#number();
    const value =
      operator === '=' ? b : ({ is: 'binary', operator: operator![0] as Binary, a: old, b } as const);
    return this.#ended([{ is: 'set', name, value }]);
  }

  #ended(statements: readonly Statement[]): readonly Statement[] {
    this.#tokens.has(';');
    return statements;
  }

  #declarations(): readonly Statement[] {
    const tokens = this.#tokens;
    const statements: Statement[] = [];
    do {
      const name = tokens.name();
      tokens.take('=');
      const value = this.#number();
      statements.push({ is: 'set', name: this.#declare(name), value });
    } while (tokens.has(','));
    return this.#ended(statements);
  }

  #if(): Statement {
    const tokens = this.#tokens;
    tokens.take('(');
    const test = this.#condition();
    tokens.take(')');
    const then = this.#statement();
    return { is: 'if', test, then, otherwise: tokens.has('else') ? this.#statement() : [] };
  }

  #for(): Statement {
    const tokens = this.#tokens;
    for (const text of ['(', 'let']) tokens.take(text);
    const own = tokens.name();
    const name = this.#declare(own);
    for (const text of ['=', '0', ';']) tokens.take(text);
    const test = this.#condition();
    for (const text of [';', own]) tokens.take(text);
    let step = 1;
    if (!tokens.has('++')) {
      tokens.take('+=');
      step = tokens.number();
    }
    tokens.take(')');
    return { is: 'for', name, test, step, body: this.#statement() };
  }

  /** A name means one thing in the whole of a modifier. */
  #declare(name: string): string {
    if (this.#names.has(name)) this.#tokens.refuse(`declares ${name} twice`);
    this.#names.set(name, `let ${name}`);
    return `let ${name}`;
  }

  #variable(name: string): string {
    const known = this.#names.get(name);
    if (!known?.startsWith('let ')) this.#tokens.refuse(`cannot assign to ${name}`);
    return known!;
  }

  #number(): Expression {
    const found = this.#choice();
    if (isCondition(found)) this.#tokens.refuse('is a boolean where a number is needed');
    return found;
  }

  #condition(): Expression {
    return this.#asCondition(this.#choice());
  }

  #asCondition(found: Expression): Expression {
    if (!isCondition(found)) this.#tokens.refuse('is a number where a condition is needed');
    return found;
  }

  #asNumber(found: Expression): Expression {
    if (isCondition(found)) this.#tokens.refuse('is a boolean where a number is needed');
    return found;
  }

  #choice(): Expression {
    const test = this.#logic('||', () => this.#logic('&&', () => this.#equality()));
    if (!this.#tokens.has('?')) return test;
    this.#asCondition(test);
    const a = this.#number();
    this.#tokens.take(':');
    return { is: 'choice', test, a, b: this.#number() };
  }

  #logic(operator: '&&' | '||', below: () => Expression): Expression {
    let a = below();
    while (this.#tokens.has(operator))
      a = { is: 'binary', operator, a: this.#asCondition(a), b: this.#asCondition(below()) };
    return a;
  }

  #equality(): Expression {
    const a = this.#sum();
    const found = this.#tokens.any(...COMPARISONS);
    if (found === undefined) return a;
    const operator = (found === '==' ? '===' : found === '!=' ? '!==' : found) as Binary;
    return { is: 'binary', operator, a: this.#asNumber(a), b: this.#asNumber(this.#sum()) };
  }

  #sum(): Expression {
    return this.#numbers(['+', '-'], () => this.#numbers(['*', '/', '%'], () => this.#unary()));
  }

  #numbers(operators: readonly string[], below: () => Expression): Expression {
    let a = below();
    for (;;) {
      const operator = this.#tokens.any(...operators) as Binary | undefined;
      if (operator === undefined) return a;
      a = { is: 'binary', operator, a: this.#asNumber(a), b: this.#asNumber(below()) };
    }
  }

  #unary(): Expression {
    const operator = this.#tokens.any('-', '+', '!');
    if (operator === '!') return { is: 'unary', operator, a: this.#asCondition(this.#unary()) };
    if (operator === undefined) return this.#primary();
    const a = this.#asNumber(this.#unary());
    if (operator === '+') return a;
    return a.is === 'literal' ? { is: 'literal', value: -a.value } : { is: 'unary', operator: '-', a };
  }

  #primary(): Expression {
    const tokens = this.#tokens;
    if (tokens.has('(')) {
      const inner = this.#choice();
      tokens.take(')');
      return inner;
    }
    if (tokens.isNumber) return { is: 'literal', value: tokens.number() };
    const name = tokens.name();
    if (name === 'Math') return this.#math();
    const known = this.#names.get(name);
    if (known === undefined) tokens.refuse(`${name} comes from outside the modifier`);
    return { is: 'name', name: known! };
  }

  #math(): Expression {
    const tokens = this.#tokens;
    tokens.take('.');
    const name = tokens.name();
    const wanted = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]! : undefined;
    if (wanted === undefined) {
      const value = (Math as unknown as Record<string, unknown>)[name];
      if (typeof value !== 'number') tokens.refuse(`Math.${name} is not in the dialect`);
      return { is: 'literal', value: value as number };
    }
    tokens.take('(');
    const args = Array.from({ length: wanted }, (_, i) => {
      if (i > 0) tokens.take(',');
      return this.#number();
    });
    tokens.take(')');
    return { is: 'call', name, args };
  }
}

/** Whether an expression is a comparison, and not a number. */
export function isCondition(node: Expression): boolean {
  if (node.is === 'unary') return node.operator === '!';
  return node.is === 'binary' && !['+', '-', '*', '/', '%'].includes(node.operator);
}

function alwaysReturns(statements: readonly Statement[]): boolean {
  return statements.some(
    (statement) =>
      statement.is === 'return' ||
      (statement.is === 'if' && alwaysReturns(statement.then) && alwaysReturns(statement.otherwise)),
  );
}

/** Whether some way through the statements returns. */
export function mayReturn(statements: readonly Statement[]): boolean {
  return statements.some(
    (statement) =>
      statement.is === 'return' ||
      (statement.is === 'if' && (mayReturn(statement.then) || mayReturn(statement.otherwise))) ||
      (statement.is === 'for' && mayReturn(statement.body)),
  );
}

/** Names that the statements read. */
export function namesIn(statements: readonly Statement[]): ReadonlySet<string> {
  const names = new Set<string>();
  const see = (node: Expression): void => {
    if (node.is === 'name') names.add(node.name);
    else if (node.is === 'call') node.args.forEach(see);
    else if (node.is !== 'literal')
      for (const part of ['test', 'a', 'b'] as const) if (part in node) see((node as never)[part]);
  };
  const walk = (list: readonly Statement[]): void => {
    for (const statement of list) {
      if ('value' in statement) see(statement.value);
      if ('test' in statement) see(statement.test);
      if (statement.is === 'if') for (const branch of [statement.then, statement.otherwise]) walk(branch);
      if (statement.is === 'for') walk(statement.body);
    }
  };
  walk(statements);
  return names;
}
