import { SamplingError } from '../errors.ts';
import type { Expression, Grammar } from './expression.ts';

/** @throws {SamplingError} if a rule is missing, is left-recursive, or the grammar matches no finite text. */
export function checkGrammar(op: string, { root, rules }: Grammar): void {
  const known = [...rules.keys()].join(', ');
  if (!rules.has(root)) throw new SamplingError(op, `there is no rule "${root}"; the rules are: ${known}`);
  for (const [name, body] of rules) {
    for (const used of references(body)) {
      if (!rules.has(used))
        throw new SamplingError(op, `rule "${name}" uses "${used}", which is not one of: ${known}`);
    }
  }
  if (!fixedPoint(rules, isProductive).has(root)) {
    throw new SamplingError(
      op,
      `rule "${root}" matches no finite text: every way through it comes back to itself`,
    );
  }
  const cycle = leftRecursion(rules);
  if (cycle) {
    throw new SamplingError(
      op,
      `left recursion ${cycle.join(' → ')} would never end; write it as a repetition, item ("," item)*`,
    );
  }
}

/** The rules from which some finite text can be made; alternatives that use others are dead ends. */
export function productiveRules({ rules }: Grammar): ReadonlySet<string> {
  return fixedPoint(rules, isProductive);
}

/** Can the expression match some finite text, given which rules can? */
export function isProductive(expression: Expression, rules: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'set':
      return expression.ranges.length > 0;
    case 'sequence':
      return expression.items.every((item) => isProductive(item, rules));
    case 'choice':
      return expression.options.some((option) => isProductive(option, rules));
    case 'repeat':
      return expression.min === 0 || isProductive(expression.item, rules);
    case 'rule':
      return rules.has(expression.name);
  }
}

function isNullable(expression: Expression, rules: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'set':
      return false;
    case 'sequence':
      return expression.items.every((item) => isNullable(item, rules));
    case 'choice':
      return expression.options.some((option) => isNullable(option, rules));
    case 'repeat':
      return expression.min === 0 || isNullable(expression.item, rules);
    case 'rule':
      return rules.has(expression.name);
  }
}

/** Names for which `holds` follows from the names already found. */
function fixedPoint(
  rules: ReadonlyMap<string, Expression>,
  holds: (body: Expression, found: ReadonlySet<string>) => boolean,
): Set<string> {
  const found = new Set<string>();
  for (let before = -1; found.size > before; ) {
    before = found.size;
    for (const [name, body] of rules) if (holds(body, found)) found.add(name);
  }
  return found;
}

/** A cycle of rules that begin with each other, or undefined. */
function leftRecursion(rules: ReadonlyMap<string, Expression>): readonly string[] | undefined {
  const nullable = fixedPoint(rules, isNullable);
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of leftmost(rules.get(name)!, nullable)) {
      const cycle = visit(next, [...path, name]);
      if (cycle) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of rules.keys()) {
    const cycle = visit(name, []);
    if (cycle) return cycle;
  }
  return undefined;
}

function* leftmost(expression: Expression, nullable: ReadonlySet<string>): Generator<string> {
  if (expression.kind === 'rule') yield expression.name;
  if (expression.kind === 'repeat') yield* leftmost(expression.item, nullable);
  if (expression.kind === 'choice')
    for (const option of expression.options) yield* leftmost(option, nullable);
  if (expression.kind === 'sequence') {
    for (const item of expression.items) {
      yield* leftmost(item, nullable);
      if (!isNullable(item, nullable)) return;
    }
  }
}

function* references(expression: Expression): Generator<string> {
  if (expression.kind === 'rule') yield expression.name;
  if (expression.kind === 'repeat') yield* references(expression.item);
  if (expression.kind === 'choice') for (const option of expression.options) yield* references(option);
  if (expression.kind === 'sequence') for (const item of expression.items) yield* references(item);
}
