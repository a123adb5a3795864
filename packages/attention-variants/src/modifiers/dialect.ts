import type { Modifier } from '@headwise/tensor';
import {
  type AnonymousFunctionDeclaration,
  type FunctionDeclaration,
  type FunctionExpression,
  type Node,
  parseExpressionAt,
  type Statement,
} from 'acorn';
import { checkStatements } from './dialect-statements.ts';
import { ModifierError } from './error.ts';

/** A modifier that is in the dialect, read. */
export interface ParsedModifier {
  readonly params: readonly string[];
  readonly body: readonly Statement[];
}

const parameters = { score: ['s', 'b', 'h', 'q', 'k'], mask: ['b', 'h', 'q', 'k'] } as const;

/**
 * Reads a modifier and checks that it stays in the dialect that every device compiles: one `function` expression
 * of plain parameters; numbers only; `let` and `const` with a value; `if`, and `for` from literal 0; `Math.*` of a
 * list; a number returned on every path.
 *
 * @throws {ModifierError} with the place and the cure, before any device sees it.
 */
export function parseModifier({ kind, source, constants = {} }: Modifier): ParsedModifier {
  const fn = parseFunction(kind, source);
  const refuse = (node: Node, problem: string, cure: string): never => {
    throw new ModifierError(source, [node.start, node.end], problem, cure);
  };
  const shape = `function (${parameters[kind].join(', ')}) { … }`;
  if (fn.async || fn.generator) refuse(fn, 'is async or a generator', `Write ${shape}.`);
  const params = fn.params.map((param) =>
    param.type === 'Identifier'
      ? param.name
      : refuse(param, 'a parameter is not a plain name', `Write ${shape}: no defaults, no patterns.`),
  );
  if (params.length !== parameters[kind].length) {
    refuse(
      fn,
      `a ${kind} takes ${parameters[kind].length} parameters, this has ${params.length}`,
      `Write ${shape}.`,
    );
  }
  if (new Set(params).size < params.length) refuse(fn, 'two parameters have one name', `Write ${shape}.`);
  for (const [name, value] of Object.entries(constants)) {
    if (params.includes(name)) refuse(fn, `the constant ${name} is also a parameter`, 'Rename one of them.');
    if (typeof value === 'number' && Number.isFinite(value)) continue;
    refuse(fn, `the constant ${name} is ${String(value)}`, 'Constants are finite numbers.');
  }

  const returns = checkStatements(fn.body.body, {
    source,
    kind,
    params: new Set(params),
    constants: new Set(Object.keys(constants)),
    locals: new Map(),
    declared: new Set(),
  });
  if (!returns) refuse(fn, 'may end without returning a number', 'End it with a return.');
  return { params, body: fn.body.body };
}

type AnyFunction = FunctionExpression | FunctionDeclaration | AnonymousFunctionDeclaration;

function parseFunction(kind: Modifier['kind'], source: string): AnyFunction {
  const shape = `function (${parameters[kind].join(', ')}) { … }`;
  const whole = [0, source.length] as const;
  let node: Node & { readonly type: string };
  try {
    node = parseExpressionAt(source, 0, { ecmaVersion: 2022 });
  } catch (error) {
    const at = (error as { readonly pos?: number }).pos ?? 0;
    const problem = String((error as Error).message).replace(/ \(\d+:\d+\)$/, '');
    throw new ModifierError(source, [at, at + 1], problem, `Write plain JavaScript, no types: ${shape}.`);
  }
  if (node.type === 'ArrowFunctionExpression') {
    throw new ModifierError(source, [node.start, node.end], 'is an arrow function', `Write ${shape}.`);
  }
  const rest = source.slice(node.end).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  if (node.type !== 'FunctionExpression' || rest.trim() !== '')
    throw new ModifierError(source, whole, 'is not one function expression', `Write ${shape}.`);
  return node as AnyFunction;
}
