import { SamplingError } from '../errors.ts';
import { clip } from './clip.ts';
import { type Expression, type Grammar, normalize } from './expression.ts';

/** @throws {SamplingError} if a rule is missing, is left-recursive, or the grammar matches no finite text. */
export function checkGrammar(op: string, { root, rules }: Grammar): void {
  if (!rules.has(root))
    throw new SamplingError(op, `there is no rule "${clip(root)}"; the rules are: ${listed(rules)}`);
  for (const [name, body] of rules) {
    for (const used of references(body)) {
      if (!rules.has(used)) {
        throw new SamplingError(
          op,
          `rule "${clip(name)}" uses "${clip(used)}", which is not one of: ${listed(rules)}`,
        );
      }
    }
  }
  if (!fixedPoint(rules, isProductive).has(root)) {
    throw new SamplingError(
      op,
      `rule "${root}" matches no finite text: every way through it comes back to itself or needs a character that does not exist`,
    );
  }
  const cycle = leftRecursion(rules);
  if (cycle) {
    throw new SamplingError(
      op,
      `left recursion ${clip(cycle.join(' → '))} would never end; write it as a repetition, item ("," item)*`,
    );
  }
}

/** The grammar without alternatives that lead to no finite text, so that whatever is begun can be completed. */
export function prune({ rules }: Grammar): ReadonlyMap<string, Expression> {
  const productive = fixedPoint(rules, isProductive);
  const pruned = new Map<string, Expression>();
  for (const [name, body] of rules) {
    const live = pruneExpression(body, productive);
    if (live) pruned.set(name, live);
  }
  return pruned;
}

/** The live part of an expression, or undefined if it matches no finite text. */
export function pruneExpression(
  expression: Expression,
  rules: ReadonlySet<string> = new Set(),
): Expression | undefined {
  switch (expression.kind) {
    case 'set':
      return normalize(expression.ranges).length > 0 ? expression : undefined;
    case 'rule':
      return rules.has(expression.name) ? expression : undefined;
    case 'sequence': {
      const items = expression.items.map((item) => pruneExpression(item, rules));
      return items.every((item) => item !== undefined) ? { kind: 'sequence', items } : undefined;
    }
    case 'choice': {
      const options = expression.options
        .map((option) => pruneExpression(option, rules))
        .filter((option) => option !== undefined);
      return options.length > 0 ? { kind: 'choice', options } : undefined;
    }
    case 'repeat': {
      const item = pruneExpression(expression.item, rules);
      if (item && expression.max > 0) return { ...expression, item };
      return expression.min === 0 || expression.max === 0 ? { kind: 'sequence', items: [] } : undefined;
    }
  }
}

function isProductive(expression: Expression, rules: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'set':
      return normalize(expression.ranges).length > 0;
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

/** Names for which `holds` follows from the names already found; a rule is asked again when one it uses is found. */
function fixedPoint(
  rules: ReadonlyMap<string, Expression>,
  holds: (body: Expression, found: ReadonlySet<string>) => boolean,
): Set<string> {
  const users = new Map<string, string[]>();
  for (const [name, body] of rules) {
    for (const used of new Set(references(body))) {
      const list = users.get(used);
      if (list) list.push(name);
      else users.set(used, [name]);
    }
  }
  const found = new Set<string>();
  const open = [...rules.keys()];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name) || !holds(rules.get(name)!, found)) continue;
    found.add(name);
    for (const user of users.get(name) ?? []) open.push(user);
  }
  return found;
}

/** A cycle of rules that begin with each other, or undefined. */
function leftRecursion(rules: ReadonlyMap<string, Expression>): readonly string[] | undefined {
  const nullable = fixedPoint(rules, isNullable);
  const done = new Set<string>();
  for (const first of rules.keys()) {
    // the rules being looked at, each with those it can begin with that are still to be looked at
    const path = new Map<string, Iterator<string>>();
    const enter = (name: string) => path.set(name, leftmost(rules.get(name)!, nullable)[Symbol.iterator]());
    if (!done.has(first)) enter(first);
    const names = [...path.keys()];
    for (let name = names.at(-1); name !== undefined; name = names.at(-1)) {
      const { value: next, done: over } = path.get(name)!.next();
      if (over) {
        done.add(name);
        path.delete(name);
        names.pop();
      } else if (path.has(next)) return [...names.slice(names.indexOf(next)), next];
      else if (!done.has(next)) {
        enter(next);
        names.push(next);
      }
    }
  }
  return undefined;
}

/** Rules an expression can begin with. */
function leftmost(expression: Expression, nullable: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [expression];
  for (let at = open.pop(); at; at = open.pop()) {
    if (at.kind === 'rule') found.add(at.name);
    else if (at.kind === 'repeat' && at.max > 0) open.push(at.item);
    else if (at.kind === 'choice') for (const option of at.options) open.push(option);
    else if (at.kind === 'sequence') {
      for (const item of at.items) {
        open.push(item);
        if (!isNullable(item, nullable)) break;
      }
    }
  }
  return found;
}

function references(expression: Expression): readonly string[] {
  const found: string[] = [];
  const open = [expression];
  for (let at = open.pop(); at; at = open.pop()) {
    if (at.kind === 'rule') found.push(at.name);
    else if (at.kind === 'repeat') open.push(at.item);
    else if (at.kind === 'choice') for (const option of at.options) open.push(option);
    else if (at.kind === 'sequence') for (const item of at.items) open.push(item);
  }
  return found;
}

/** Names for a message: not more than a reader looks through. */
function listed(rules: ReadonlyMap<string, Expression>): string {
  const names = [...rules.keys()];
  const more = names.length > 20 ? `, … (${names.length} in all)` : '';
  return `${clip(names.slice(0, 20).join(', '))}${more}`;
}
