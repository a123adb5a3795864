import ts from 'typescript';

/** One expression of a file, changed. */
export interface PlainMutant {
  readonly kind: string;
  /** Place in the text: what stands from `start` to `end` becomes `to`. */
  readonly start: number;
  readonly end: number;
  readonly to: string;
  readonly line: number;
}

const equality: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
};
const arithmetic: Readonly<Record<string, string>> = { '+': '-', '-': '+', '*': '/', '/': '*', '%': '*' };
const logical: Readonly<Record<string, string>> = { '&&': '||', '||': '&&', '??': '&&' };
const assignment: Readonly<Record<string, string>> = {
  '+=': '-=',
  '-=': '+=',
  '*=': '/=',
  '/=': '*=',
  '||=': '&&=',
  '&&=': '||=',
  '??=': '&&=',
};
const methods: Readonly<Record<string, string>> = {
  min: 'max',
  max: 'min',
  some: 'every',
  every: 'some',
  startsWith: 'endsWith',
  endsWith: 'startsWith',
  ceil: 'floor',
  floor: 'ceil',
};
const dropped = new Set(['slice', 'filter', 'sort', 'reverse', 'trim', 'subarray']);

/** The changes that StrykerJS makes, but for those of strings and of code that runs once when a module is loaded. */
export function mutantsOf(text: string): PlainMutant[] {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const found: PlainMutant[] = [];
  const add = (kind: string, node: ts.Node, to: string): void => {
    const start = node.getStart(source);
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    found.push({ kind, start, end: node.getEnd(), to, line });
  };
  const visit = (node: ts.Node, inside: boolean): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isImportDeclaration(node)) return;
    if (inside) for (const [kind, at, to] of changesOf(node, source)) add(kind, at, to);
    ts.forEachChild(node, (child) => visit(child, inside || ts.isFunctionLike(node)));
  };
  visit(source, false);
  return found.sort((a, b) => a.start - b.start || a.end - b.end || (a.to < b.to ? -1 : 1));
}

/** The text with a call of `reached(n)` at the beginning of each function in which the n-th of some changes would be. */
export function probed(text: string, starts: ReadonlyMap<number, number>): string {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const functions: (readonly [whole: ts.Node, body: ts.Node])[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) functions.push([node, node.body]);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const inserts: (readonly [at: number, what: string])[] = [];
  for (const [n, start] of starts) {
    // the innermost comes last, for what is outside is visited first
    const holds = ([whole]: readonly [ts.Node, ts.Node]): boolean =>
      whole.getStart(source) <= start && start < whole.getEnd();
    const [, body] = functions.filter(holds).at(-1) ?? [];
    if (!body) throw new RangeError(`probed: no function holds the change at ${start}`);
    const call = `globalThis.reached(${n})`;
    if (ts.isBlock(body)) inserts.push([body.getStart(source) + 1, `${call};`]);
    else inserts.push([body.getEnd(), ')'], [body.getStart(source), `(${call}, `]);
  }
  return inserts
    .sort(([a], [b]) => b - a)
    .reduce((all, [at, what]) => all.slice(0, at) + what + all.slice(at), text);
}

type Change = readonly [kind: string, at: ts.Node, to: string];

function changesOf(node: ts.Node, source: ts.SourceFile): Change[] {
  if (ts.isBinaryExpression(node)) return ofBinary(node, source);
  if (ts.isConditionalExpression(node)) return ofCondition(node.condition, source);
  if (ts.isIfStatement(node)) return ofCondition(node.expression, source);
  if (node.kind === ts.SyntaxKind.TrueKeyword) return [['Boolean', node, 'false']];
  if (node.kind === ts.SyntaxKind.FalseKeyword) return [['Boolean', node, 'true']];
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) return ofUnary(node, source);
  if (ts.isArrayLiteralExpression(node) && node.elements.length > 0) return [['Array', node, '[]']];
  if (ts.isObjectLiteralExpression(node) && node.properties.length > 0) return [['Object', node, '({})']];
  if (ts.isCallExpression(node)) return ofCall(node, source);
  if (ts.isPropertyAccessExpression(node) && node.questionDotToken)
    return [['OptionalChaining', node.questionDotToken, '.']];
  if (ts.isBlock(node) && node.statements.length > 0) return [['Block', node, '{}']];
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) return [['Arrow', node, '() => undefined']];
  return [];
}

function ofBinary(node: ts.BinaryExpression, source: ts.SourceFile): Change[] {
  const { operatorToken: token, left, right } = node;
  const operator = token.getText(source);
  const isText = (side: ts.Node): boolean => ts.isStringLiteralLike(side) || ts.isTemplateExpression(side);
  const changes: Change[] = (equality[operator] ?? []).map((to) => ['Equality', token, to]);
  const other = arithmetic[operator];
  if (other && !isText(left) && !isText(right)) changes.push(['Arithmetic', token, other]);
  if (logical[operator]) changes.push(['Logical', token, logical[operator]]);
  if (assignment[operator]) changes.push(['Assignment', token, assignment[operator]]);
  if (equality[operator] || operator === '&&' || operator === '||')
    changes.push(['Conditional', node, 'true'], ['Conditional', node, 'false']);
  return changes;
}

/** Of a condition that is no comparison: those change by themselves. */
function ofCondition(node: ts.Expression, source: ts.SourceFile): Change[] {
  const operator = ts.isBinaryExpression(node) ? node.operatorToken.getText(source) : '';
  if (equality[operator] || logical[operator]) return [];
  return [
    ['Conditional', node, 'true'],
    ['Conditional', node, 'false'],
  ];
}

function ofUnary(
  node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression,
  source: ts.SourceFile,
): Change[] {
  const operand = node.operand.getText(source);
  const operator = ts.tokenToString(node.operator);
  if (operator === '++' || operator === '--') {
    const other = operator === '++' ? '--' : '++';
    return [['Update', node, ts.isPrefixUnaryExpression(node) ? other + operand : operand + other]];
  }
  if (operator === '!') return [['Boolean', node, operand]];
  return operator === '-' && !ts.isNumericLiteral(node.operand) ? [['Unary', node, `+${operand}`]] : [];
}

function ofCall(node: ts.CallExpression, source: ts.SourceFile): Change[] {
  if (!ts.isPropertyAccessExpression(node.expression)) return [];
  const { name, expression } = node.expression;
  const other = methods[name.text];
  if (other) return [['Method', name, other]];
  return dropped.has(name.text) ? [['Method', node, expression.getText(source)]] : [];
}
