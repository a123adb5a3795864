import { type Modifier, ValueError } from '@headwise/tensor';
import type { Node, Statement } from 'acorn';
import { visit } from './ast.ts';
import { maskModifier } from './define.ts';
import { parseModifier } from './dialect.ts';

/** Seen where every mask sees it. @throws {ValueError | ModifierError} for a modifier that is not a mask. */
export function and(...masks: readonly Modifier[]): Modifier {
  return join('and', masks, (seen) => `${seen.join(' && ')} ? 1 : 0`);
}

/** Seen where any of the masks sees it. @throws {ValueError | ModifierError} for a modifier that is not a mask. */
export function or(...masks: readonly Modifier[]): Modifier {
  return join('or', masks, (seen) => `${seen.join(' || ')} ? 1 : 0`);
}

/** Seen where the mask hides it. @throws {ValueError | ModifierError} for a modifier that is not a mask. */
export function not(mask: Modifier): Modifier {
  return join('not', [mask], ([seen]) => `${seen} ? 0 : 1`);
}

/**
 * Writes several masks into one function, since a device compiles one text. A mask of a single return becomes an
 * expression; one with statements becomes a block that leaves its result in a variable.
 */
function join(op: string, masks: readonly Modifier[], result: (seen: readonly string[]) => string): Modifier {
  if (masks.length === 0) throw new ValueError(op, 'masks', 'must have at least one mask', 'none');
  const params = ['b', 'h', 'q', 'k'];
  const constants: Record<string, number> = {};
  const taken = new Set(params);
  const blocks: string[] = [];
  const seen = masks.map((mask) => {
    if (mask?.kind !== 'mask')
      throw new ValueError(op, 'masks', 'must be masks; scores add up in a list', mask?.kind);
    const parsed = parseModifier(mask);
    const names = new Map(parsed.params.map((name, i) => [name, params[i]!]));
    const fresh = (name: string): string => {
      let free = name;
      for (let n = 1; taken.has(free); n++) free = `${name}${n}`;
      taken.add(free);
      return free;
    };
    for (const [name, value] of Object.entries(mask.constants ?? {})) {
      const same = constants[name] === value && !names.has(name);
      const unique = same ? name : fresh(name);
      names.set(name, unique);
      constants[unique] = value;
    }
    for (const name of declaredIn(parsed.body)) names.set(name, fresh(name));

    const [first] = parsed.body;
    if (parsed.body.length === 1 && first?.type === 'ReturnStatement' && first.argument) {
      return `(${rewrite(mask.source, first.argument, names)}) !== 0`;
    }
    const outcome = fresh('seen');
    const done = fresh('done');
    const edits = parsed.body.length > 0 ? new Edits(outcome, done) : undefined;
    edits?.statements(parsed.body);
    const text = parsed.body.map((statement) => rewrite(mask.source, statement, names, edits)).join('\n');
    blocks.push(`let ${outcome} = 0;\nlet ${done} = 0;\n${text}${edits?.closing ?? ''}`);
    return `${outcome} !== 0`;
  });
  const body = [...blocks, `return ${result(seen)};`].join('\n').replaceAll('\n', '\n  ');
  const named = Object.keys(constants).length > 0 ? constants : undefined;
  return maskModifier(`function (${params.join(', ')}) {\n  ${body}\n}`, named);
}

/** Names that statements declare, loops included. */
function declaredIn(statements: readonly Statement[]): readonly string[] {
  const names: string[] = [];
  visit(statements, (node) => {
    if (node.type !== 'VariableDeclarator') return;
    const { id } = node as Node & { readonly id: { readonly name: string } };
    names.push(id.name);
  });
  return names;
}

/** Text to put in at an offset of the source; `skip` leaves out what stands there. */
interface Edit {
  readonly at: number;
  readonly text: string;
  readonly skip?: number;
}

/**
 * Turns `return x;` into an assignment, and what follows a statement that may have returned into a branch that
 * runs only if it has not.
 */
class Edits {
  readonly list: Edit[] = [];
  /** Braces to close after the last statement. */
  closing = '';

  constructor(
    readonly outcome: string,
    readonly done: string,
  ) {}

  statements(statements: readonly Statement[], end?: number): void {
    let open = 0;
    statements.forEach((statement, i) => {
      this.statement(statement);
      const next = statements[i + 1];
      if (!next || !mayReturn(statement)) return;
      this.list.push({ at: next.start, text: `if (${this.done} === 0) { ` });
      open++;
    });
    if (end === undefined) this.closing += ' }'.repeat(open);
    else if (open > 0) this.list.push({ at: end, text: ' }'.repeat(open) });
  }

  statement(statement: Statement): void {
    if (!mayReturn(statement)) return;
    if (statement.type === 'ReturnStatement' && statement.argument) {
      const { start, end, argument } = statement;
      this.list.push({ at: start, text: `{ ${this.outcome} = `, skip: argument.start - start });
      this.list.push({ at: argument.end, text: `; ${this.done} = 1; }`, skip: end - argument.end });
    } else if (statement.type === 'BlockStatement') {
      this.statements(statement.body, statement.end - 1);
    } else if (statement.type === 'IfStatement') {
      this.statement(statement.consequent);
      if (statement.alternate) this.statement(statement.alternate);
    } else if (statement.type === 'ForStatement') {
      this.list.push({ at: statement.body.start, text: `{ if (${this.done} === 0) ` });
      this.statement(statement.body);
      this.list.push({ at: statement.body.end, text: ' }' });
    }
  }
}

function mayReturn(statement: Statement): boolean {
  let found = false;
  visit([statement], (node) => {
    found ||= node.type === 'ReturnStatement';
  });
  return found;
}

/** The text of a node with its names replaced and its edits made. */
function rewrite(source: string, node: Node, names: ReadonlyMap<string, string>, edits?: Edits): string {
  const all: Edit[] = (edits?.list ?? []).filter(({ at }) => at >= node.start && at <= node.end);
  visit([node], (inner, parent) => {
    if (inner.type !== 'Identifier' || parent?.type === 'MemberExpression') return;
    const { name } = inner as Node & { readonly name: string };
    const text = names.get(name);
    if (text !== undefined && text !== name)
      all.push({ at: inner.start, text, skip: inner.end - inner.start });
  });
  // stable: edits at one offset keep the order in which they were made
  all.sort((a, b) => a.at - b.at);
  let text = '';
  let from = node.start;
  for (const { at, text: added, skip = 0 } of all) {
    text += source.slice(from, at) + added;
    from = Math.max(from, at) + skip;
  }
  return text + source.slice(from, node.end);
}
