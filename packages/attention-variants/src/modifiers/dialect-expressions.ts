import type {
  CallExpression,
  Expression,
  Identifier,
  MemberExpression,
  Node,
  PrivateIdentifier,
} from 'acorn';
import { mathName } from './ast.ts';
import type { Scope } from './dialect-scope.ts';
import { ModifierError } from './error.ts';

/** `Math` functions that gave the same numbers in every gpu.js mode, with how many arguments. */
const functions: Readonly<Record<string, number>> = {
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

const numbers = ['E', 'LN2', 'LN10', 'LOG2E', 'LOG10E', 'PI', 'SQRT1_2', 'SQRT2'];

const comparisons = ['<', '<=', '>', '>=', '===', '!==', '==', '!='];

/** From the text of a boolean: what is wrong with it here, and the cure. */
type BooleanCure = (text: string) => readonly [problem: string, cure: string];

type Kind = 'number' | 'boolean';

/** @throws {ModifierError} unless the expression is a number in the dialect. */
export function checkNumber(node: Expression | PrivateIdentifier, scope: Scope, cure?: BooleanCure): void {
  if (kindOf(node, scope) === 'number') return;
  const text = textOf(node, scope);
  const [problem, what] = cure?.(text) ?? [
    'is a boolean where a number is needed',
    `Write (${text} ? 1 : 0).`,
  ];
  refuse(scope, node, problem, what);
}

/** @throws {ModifierError} unless the expression is a comparison in the dialect. */
export function checkCondition(node: Expression | PrivateIdentifier, scope: Scope): void {
  if (kindOf(node, scope) === 'boolean') return;
  refuse(scope, node, 'is a number where a condition is needed', `Write ${textOf(node, scope)} !== 0.`);
}

function kindOf(node: Expression | PrivateIdentifier, scope: Scope): Kind {
  switch (node.type) {
    case 'Literal':
      if (typeof node.value === 'number') return 'number';
      return refuse(
        scope,
        node,
        `${node.raw} is not a number`,
        'A modifier knows numbers only: write 1 and 0.',
      );
    case 'Identifier':
      return checkName(node, scope);
    case 'ParenthesizedExpression':
      return kindOf(node.expression, scope);
    case 'UnaryExpression':
      if (node.operator === '!') {
        checkCondition(node.argument, scope);
        return 'boolean';
      }
      if (node.operator !== '-' && node.operator !== '+') return unknown(node, `\`${node.operator}\``, scope);
      checkNumber(node.argument, scope);
      return 'number';
    case 'BinaryExpression': {
      if (node.operator === '**') return refuse(scope, node, '`**` is not in the dialect', 'Use Math.pow.');
      const compares = comparisons.includes(node.operator);
      if (!compares && !['+', '-', '*', '/', '%'].includes(node.operator))
        return unknown(node, `\`${node.operator}\``, scope);
      checkNumber(node.left, scope);
      checkNumber(node.right, scope);
      return compares ? 'boolean' : 'number';
    }
    case 'LogicalExpression':
      if (node.operator === '??') return unknown(node, '`??`', scope);
      checkCondition(node.left, scope);
      checkCondition(node.right, scope);
      return 'boolean';
    case 'ConditionalExpression':
      checkCondition(node.test, scope);
      checkNumber(node.consequent, scope);
      checkNumber(node.alternate, scope);
      return 'number';
    case 'CallExpression':
      return checkCall(node, scope);
    case 'MemberExpression':
      return checkMember(node, scope);
    default:
      return unknown(node, spoken(node), scope);
  }
}

function checkName(node: Identifier, scope: Scope): Kind {
  const { name } = node;
  if (scope.params.has(name) || scope.locals.has(name) || scope.constants.has(name)) return 'number';
  if (name === 'Infinity' || name === 'NaN') {
    const cure =
      'Devices disagree about it. Hide a key with a mask modifier, or use a large finite number such as 1e30.';
    return refuse(scope, node, `${name} is not in the dialect`, cure);
  }
  const known = [...scope.params, ...scope.locals.keys(), ...scope.constants].join(', ');
  const cure = `A device sees the text of this function only: pass it in constants, { ${name} }. In scope: ${known}.`;
  return refuse(scope, node, `${name} comes from outside the modifier`, cure);
}

function checkCall(node: CallExpression, scope: Scope): Kind {
  const { callee } = node;
  const name = mathName(callee);
  if (name === undefined) {
    const cure =
      'Only Math functions can be called. A coverage tool or minifier that rewrites functions leaves text alone.';
    return refuse(scope, node, `calls ${textOf(callee, scope)}`, cure);
  }
  const wanted = functions[name];
  if (wanted === undefined) {
    const cure = `Devices have ${Object.keys(functions).join(', ')}.`;
    return refuse(scope, node, `Math.${name} is not in the dialect`, cure);
  }
  if (node.arguments.length !== wanted) {
    const cure = `Give it ${wanted}; nest calls for more.`;
    return refuse(scope, node, `Math.${name} takes ${wanted}, this has ${node.arguments.length}`, cure);
  }
  for (const argument of node.arguments) {
    if (argument.type === 'SpreadElement') return unknown(argument, 'a spread', scope);
    checkNumber(argument, scope);
  }
  return 'number';
}

function checkMember(node: MemberExpression, scope: Scope): Kind {
  const name = mathName(node);
  if (name !== undefined && numbers.includes(name)) return 'number';
  const cure = 'A modifier takes scalars: pass numbers in constants, and tables as a bias [B, H, Lq, Lk].';
  return refuse(scope, node, `reads ${textOf(node, scope)}`, cure);
}

function unknown(node: Node, what: string, scope: Scope): never {
  const cure = 'The dialect has numbers, + - * / %, comparisons, && || !, ?: and Math.';
  return refuse(scope, node, `${what} is not in the dialect`, cure);
}

function spoken({ type }: Node): string {
  return type
    .replace(/Expression$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
}

function textOf({ start, end }: Node, { source }: Scope): string {
  return source.slice(start, end);
}

function refuse(scope: Scope, node: Node, problem: string, cure: string): never {
  throw new ModifierError(scope.source, [node.start, node.end], problem, cure);
}
