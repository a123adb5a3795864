/** What one kind of thing is made of; `name` is kebab-case, `id` the same in camelCase. */
export interface Kind {
  readonly what: string;
  /** Of the changeset. */
  readonly package: (name: string) => string;
  /** Files by path from the root, in the order in which they are to be read. */
  readonly files: (name: string, id: string, root: string) => Readonly<Record<string, string>>;
  /** Edits of files that are there: lines that go to their places. */
  readonly edits: (name: string, id: string) => readonly Edit[];
  /** What is left for the person, beside filling in the story. */
  readonly left: (name: string) => readonly string[];
}

/** One line that goes into a file. */
export interface Edit {
  readonly file: string;
  /** `import`: after the last import. `end`: at the end. Else at the end of the map or table that begins so. */
  readonly at: 'import' | 'end' | { readonly map: string } | { readonly table: string };
  readonly line: string;
}

/** The three lines by which a package learns of a file: its import and entry in the registry, its export. */
export function registered(parts: {
  readonly package: string;
  readonly folder: string;
  readonly name: string;
  readonly entry: string;
  readonly exported: string | undefined;
  readonly map: string;
}): readonly Edit[] {
  const { package: of, folder, name, entry, exported, map } = parts;
  const src = `packages/${of}/src`;
  const path = `./${folder}/${name}.ts`;
  // a key without a hyphen stands bare, and is its own value where they are the same
  const key = name.includes('-') ? `'${name}'` : name;
  return [
    { file: `${src}/registry.ts`, at: 'import', line: `import { ${entry} } from '${path}';` },
    { file: `${src}/registry.ts`, at: { map }, line: name === entry ? `  ${name},` : `  ${key}: ${entry},` },
    ...(exported === undefined
      ? []
      : [{ file: `${src}/index.ts`, at: 'end', line: `export { ${exported} } from '${path}';` } as const]),
  ];
}
