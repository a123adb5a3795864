import type { Expression, ForStatement, Node, Statement, VariableDeclaration } from 'acorn';
import { checkCondition, checkNumber } from './dialect-expressions.ts';
import type { Scope } from './dialect-scope.ts';
import { ModifierError } from './error.ts';

/**
 * Checks a block of a modifier.
 *
 * @returns whether every path through it returns
 * @throws {ModifierError}
 */
export function checkStatements(statements: readonly Statement[], outer: Scope): boolean {
  const scope = { ...outer, locals: new Map(outer.locals) };
  let returns = false;
  for (const statement of statements) {
    if (returns) refuse(scope, statement, 'is never reached', 'Take it out.');
    returns = checkStatement(statement, scope);
  }
  return returns;
}

function checkStatement(statement: Statement, scope: Scope): boolean {
  switch (statement.type) {
    case 'ReturnStatement':
      checkReturn(statement, statement.argument, scope);
      return true;
    case 'IfStatement': {
      checkCondition(statement.test, scope);
      const then = checkBranch(statement.consequent, scope);
      return statement.alternate ? checkBranch(statement.alternate, scope) && then : false;
    }
    case 'ForStatement':
      checkFor(statement, scope);
      return false;
    case 'BlockStatement':
      return checkStatements(statement.body, scope);
    case 'VariableDeclaration':
      checkDeclaration(statement, scope);
      return false;
    case 'ExpressionStatement':
      checkAssignment(statement.expression, scope);
      return false;
    case 'EmptyStatement':
      return false;
    case 'ContinueStatement':
      return refuse(
        scope,
        statement,
        '`continue` skips too much on several devices',
        'Put the rest of the loop into an if.',
      );
    case 'BreakStatement':
      return refuse(
        scope,
        statement,
        '`break` is not in the dialect',
        'Put the rest of the loop into an if.',
      );
    case 'WhileStatement':
    case 'DoWhileStatement':
      return refuse(scope, statement, 'a loop must be a `for`', 'Write for (let i = 0; i < n; i++).');
    default:
      return refuse(
        scope,
        statement,
        `${spoken(statement)} is not in the dialect`,
        'Use let, const, if, for and return.',
      );
  }
}

function checkBranch(statement: Statement, scope: Scope): boolean {
  return statement.type === 'BlockStatement'
    ? checkStatements(statement.body, scope)
    : checkStatements([statement], scope);
}

function checkReturn(statement: Node, argument: Expression | null | undefined, scope: Scope): void {
  const number = scope.kind === 'mask' ? '1 (seen) or 0 (hidden)' : 'the new score';
  if (!argument) {
    refuse(scope, statement, 'returns nothing', `Return ${number}.`);
    return;
  }
  checkNumber(argument, scope, (text) =>
    scope.kind === 'mask'
      ? ['returns a boolean, which GPUs cannot hand back', `Return ${text} ? 1 : 0.`]
      : ['returns a boolean', 'A score is a number.'],
  );
}

function checkDeclaration(statement: VariableDeclaration, scope: Scope): void {
  if (statement.kind !== 'let' && statement.kind !== 'const')
    refuse(scope, statement, `\`${statement.kind}\` is not in the dialect`, 'Use let or const.');
  for (const { id, init, ...node } of statement.declarations) {
    if (id.type !== 'Identifier' || !init) {
      refuse(scope, node, 'a variable needs a plain name and a value', 'Write let x = 0;');
      continue;
    }
    checkNumber(init, scope, (text) => ['a variable holds a number', `Write ${text} ? 1 : 0.`]);
    declare(id, id.name, statement.kind === 'const' ? 'const' : 'let', scope);
  }
}

function declare(node: Node, name: string, as: 'let' | 'const' | 'loop', scope: Scope): void {
  if (scope.declared.has(name) || scope.params.has(name) || scope.constants.has(name)) {
    const what = as === 'loop' ? 'loop variable' : 'name';
    refuse(scope, node, `${name} is declared twice`, `Give each ${what} of a modifier a name of its own.`);
  }
  scope.declared.add(name);
  scope.locals.set(name, as);
}

function checkAssignment(expression: Expression, scope: Scope): void {
  if (expression.type === 'UpdateExpression') {
    checkTarget(expression.argument, scope);
    return;
  }
  if (expression.type !== 'AssignmentExpression') {
    refuse(scope, expression, 'does nothing that the dialect knows', 'Assign it, or return it.');
    return;
  }
  if (!['=', '+=', '-=', '*=', '/='].includes(expression.operator))
    refuse(scope, expression, `\`${expression.operator}\` is not in the dialect`, 'Use =, +=, -=, *= or /=.');
  checkTarget(expression.left, scope);
  checkNumber(expression.right, scope, (text) => ['a variable holds a number', `Write ${text} ? 1 : 0.`]);
}

function checkTarget(target: Node, scope: Scope): void {
  const name = (target as { readonly name?: string }).name;
  if (target.type !== 'Identifier' || name === undefined) {
    refuse(scope, target, 'only variables can be assigned', 'Declare it with let.');
    return;
  }
  const local = scope.locals.get(name);
  if (local === 'let') return;
  if (local === 'loop')
    refuse(scope, target, `changes the loop variable ${name}`, 'The head of the loop does.');
  if (local === 'const') refuse(scope, target, `${name} is a const`, 'Declare it with let.');
  if (scope.params.has(name))
    refuse(scope, target, `assigns to the parameter ${name}`, `Copy it first: let x = ${name};`);
  refuse(scope, target, `${name} is not a variable of this modifier`, 'Declare it with let.');
}

function checkFor({ init, test, update, body }: ForStatement, outer: Scope): void {
  const scope = { ...outer, locals: new Map(outer.locals) };
  const cure = 'Write for (let i = 0; i < n; i++), and i + start inside.';
  const declarator =
    init?.type === 'VariableDeclaration' && init.declarations.length === 1 && init.declarations[0];
  if (!declarator || init?.kind !== 'let' || declarator.id.type !== 'Identifier') {
    refuse(scope, init ?? body, 'a loop must declare one variable', cure);
    return;
  }
  const { name } = declarator.id;
  if (declarator.init?.type !== 'Literal' || declarator.init.value !== 0)
    refuse(scope, declarator, 'a loop must start at a literal 0', cure);
  declare(declarator.id, name, 'loop', scope);

  const bounded =
    test?.type === 'BinaryExpression' &&
    (test.operator === '<' || test.operator === '<=') &&
    isName(test.left, name);
  if (!bounded) {
    refuse(scope, test ?? body, `a loop must run while ${name} < a number`, cure);
    return;
  }
  checkNumber(test.right, scope, () => ['a bound is a number', cure]);
  const steps =
    (update?.type === 'UpdateExpression' && update.operator === '++' && isName(update.argument, name)) ||
    (update?.type === 'AssignmentExpression' &&
      update.operator === '+=' &&
      isName(update.left, name) &&
      update.right.type === 'Literal');
  if (!steps) refuse(scope, update ?? body, `a loop must step with ${name}++ or ${name} += a literal`, cure);
  checkBranch(body, scope);
}

function isName(node: Node, name: string): boolean {
  return node.type === 'Identifier' && (node as { readonly name?: string }).name === name;
}

function spoken({ type }: Node): string {
  return type.replace(/(Statement|Declaration)$/, '').toLowerCase();
}

function refuse(scope: Scope, node: Node, problem: string, cure: string): never {
  throw new ModifierError(scope.source, [node.start, node.end], problem, cure);
}
