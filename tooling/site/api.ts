import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, type DeclarationReflection, ReflectionKind, TSConfigReader } from 'typedoc';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Entry points of the published packages by the name that is imported: `@headwise/models/node` → its source. */
export function entryPoints(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const folder of readdirSync(join(root, 'packages')).sort()) {
    const manifest = join(root, 'packages', folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, exports = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      name: string;
      exports?: Readonly<Record<string, { readonly '@headwise/source'?: string } | string>>;
    };
    for (const [path, entry] of Object.entries(exports)) {
      const source = typeof entry === 'string' ? undefined : entry['@headwise/source'];
      // one file each: what they export is part of the package's own entry
      if (source === undefined || path.includes('*')) continue;
      found.set(name + path.slice(1), join(root, 'packages', folder, source));
    }
  }
  return found;
}

/**
 * The reference of everything public, from its doc comments, as Markdown: a page for each entry point.
 *
 * @returns the names of the entry points, in the order of the packages
 * @throws {Error} if typedoc cannot read the sources.
 */
export async function writeApi(out: string): Promise<readonly string[]> {
  const entries = entryPoints();
  rmSync(out, { recursive: true, force: true });
  const app = await Application.bootstrapWithPlugins(
    {
      name: 'Headwise',
      entryPoints: [...entries.values()],
      tsconfig: join(root, 'tsconfig.json'),
      plugin: ['typedoc-plugin-markdown'],
      skipErrorChecking: true,
      excludeInternal: true,
      excludePrivate: true,
      excludeExternals: true,
      disableGit: true,
      sourceLinkTemplate: 'https://github.com/headwise/headwise/blob/main/packages/{path}#L{line}',
      gitRevision: 'main',
      basePath: root,
      readme: 'none',
      logLevel: 'Error',
      validation: false,
      ...({
        outputs: [{ name: 'markdown', path: out }],
        outputFileStrategy: 'modules',
        hideBreadcrumbs: true,
        hidePageHeader: true,
        hideGroupHeadings: false,
        useCodeBlocks: true,
        parametersFormat: 'table',
        interfacePropertiesFormat: 'table',
        typeDeclarationFormat: 'table',
        entryFileName: 'index',
        sanitizeComments: true,
      } as object),
    },
    [new TSConfigReader()],
  );
  const project = await app.convert();
  if (!project) throw new Error('typedoc could not read the sources');
  const names = [...entries];
  for (const module of project.getChildrenByKind(ReflectionKind.Module) as DeclarationReflection[]) {
    const file = module.sources?.[0]?.fullFileName;
    const name = names.find(([, source]) => source === file)?.[0];
    if (name !== undefined) module.name = name;
  }
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error('typedoc failed');
  mendAnchors(out);
  return [...entries.keys()];
}

/**
 * A type and a function whose names differ in case only are two headings to typedoc, `#name` and `#name-1`, where one of
 * them is a row of a table and no heading at all.
 */
function mendAnchors(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.md')) continue;
    const file = join(entry.parentPath, entry.name);
    const text = readFileSync(file, 'utf8');
    const headings = [...text.matchAll(/^#+ (\w+)/gm)].map(([, name]) => name!.toLowerCase());
    const mended = text.replace(/\(#(\w+)-1\)/g, (link, name: string) =>
      headings.filter((heading) => heading === name).length < 2 ? `(#${name})` : link,
    );
    if (mended !== text) writeFileSync(file, mended);
  }
}
