import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { variants } from '../../packages/attention-variants/src/registry.ts';
import { families } from '../../packages/models/src/registry.ts';

/** Exported names of the variants: `groupedQuery`. */
const known = new Set(
  Object.keys(variants).map((name) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())),
);

const folder = new URL('../../packages/models/src/', import.meta.url);

/** A family of checkpoints, its file, and the variants that its files bring in, by their exported names. */
export interface FamilyUse {
  readonly type: string;
  readonly title: string;
  readonly file: string;
  readonly variants: ReadonlySet<string>;
}

/**
 * Which variants each family uses: what its file imports from the attention variants, and the files of this package that it
 * imports do. Types do not count.
 */
export function familyUses(): readonly FamilyUse[] {
  const index = readFileSync(new URL('registry.ts', folder), 'utf8');
  const files = new Map(
    importsOf('registry.ts', index).flatMap(({ names, from }) =>
      names.map((name) => [name, new URL(from, new URL('registry.ts', folder)).href] as const),
    ),
  );
  return Object.entries(families).map(([type, family]) => {
    const name = [...files.keys()].find(
      (each) => each.toLowerCase() === exportedName(index, type).toLowerCase(),
    );
    const url = files.get(name ?? '');
    if (!url) throw new Error(`the file of the family ${type} was not found in the registry of models`);
    return { type, title: family.title, file: repositoryPath(url), variants: broughtIn(url) };
  });
}

/** The variants that a file brings in, its own imports included. */
function broughtIn(url: string, seen: Set<string> = new Set()): Set<string> {
  const found = new Set<string>();
  if (seen.has(url) || !existsSync(new URL(url))) return found;
  seen.add(url);
  for (const { names, from } of importsOf(url, readFileSync(new URL(url), 'utf8'))) {
    if (from === '@headwise/attention-variants')
      for (const name of names.filter((each) => known.has(each))) found.add(name);
    else if (from.startsWith('.'))
      for (const name of broughtIn(new URL(from, url).href, seen)) found.add(name);
  }
  return found;
}

/** Under which name the registry knows a family: `mistral,` or `'gpt-neox': gptNeox,`. */
function exportedName(registry: string, type: string): string {
  const line = new RegExp(`^ {2}(?:'${type}'|${type}): (\\w+),$`, 'm').exec(registry);
  return line?.[1] ?? type;
}

function importsOf(
  name: string,
  text: string,
): readonly { readonly names: readonly string[]; readonly from: string }[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
  return source.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    const bindings = statement.importClause?.namedBindings;
    if (!bindings || !ts.isNamedImports(bindings) || statement.importClause?.isTypeOnly) return [];
    const names = bindings.elements
      .filter(({ isTypeOnly }) => !isTypeOnly)
      .map((each) => (each.propertyName ?? each.name).text);
    return names.length > 0 ? [{ names, from: (statement.moduleSpecifier as ts.StringLiteral).text }] : [];
  });
}

function repositoryPath(url: string): string {
  return fileURLToPath(url).slice(fileURLToPath(new URL('../..', import.meta.url)).length);
}
