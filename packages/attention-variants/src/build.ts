import { type CallExpression, type Node, parse } from 'acorn';
import { visit } from './modifiers/ast.ts';
import { parseModifier } from './modifiers/dialect.ts';
import { ModifierError } from './modifiers/error.ts';

const kinds = { scoreModifier: 'score', maskModifier: 'mask' } as const;
type Definer = keyof typeof kinds;

/**
 * Turns the functions in calls of `scoreModifier` and `maskModifier` into text, so that nothing that runs later (a
 * minifier, a coverage tool) can rewrite them; and checks them, so that a modifier outside the dialect fails the
 * build instead of the program. Calls that already have text are left alone.
 *
 * @param code JavaScript, its types already taken out
 * @returns the code, unchanged where there is nothing to do
 * @throws {ModifierError} with the place and the cure.
 */
export function freezeModifiers(code: string): string {
  if (!/\b(score|mask)Modifier\b/.test(code)) return code;
  const program = parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  const names = importedNames(program.body);
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  visit(program.body, (node) => {
    if (node.type !== 'CallExpression') return;
    const { callee, arguments: given } = node as CallExpression;
    const definer = callee.type === 'Identifier' ? names.get(callee.name) : undefined;
    const [fn, constants] = given;
    if (!definer || !fn || !/^(Arrow)?FunctionExpression$/.test(fn.type)) return;
    const source = code.slice(fn.start, fn.end);
    const scope = Object.fromEntries(propertyNames(constants).map((name) => [name, 1]));
    parseModifier({ kind: kinds[definer], source, constants: scope });
    edits.push({ start: fn.start, end: fn.end, text: JSON.stringify(source) });
  });
  return edits
    .sort((a, b) => b.start - a.start)
    .reduce((text, { start, end, text: frozen }) => text.slice(0, start) + frozen + text.slice(end), code);
}

/** A plugin for Vite and Rollup. */
export interface RollupPlugin {
  readonly name: string;
  /** @throws {ModifierError} for a modifier outside the dialect. */
  transform(code: string, id: string): { readonly code: string; readonly map: null } | null;
}

/**
 * Freezes the modifiers of a project that Vite or Rollup builds. Never throws. The build fails with a `ModifierError`
 * for a modifier outside the dialect.
 *
 * @example
 * export default defineConfig({ plugins: [modifiersPlugin()] });
 */
export function modifiersPlugin(): RollupPlugin {
  return {
    name: 'headwise-modifiers',
    transform(code, id) {
      if (!/\.[cm]?[jt]sx?($|\?)/.test(id) || id.includes('node_modules')) return null;
      const frozen = inFile(id, () => freezeModifiers(code));
      return frozen === code ? null : { code: frozen, map: null };
    },
  };
}

/** What the plugin uses of esbuild. */
interface EsbuildBuild {
  readonly esbuild: {
    transform(code: string, options: { readonly loader: string }): Promise<{ readonly code: string }>;
  };
  onLoad(
    options: { readonly filter: RegExp },
    callback: (file: {
      readonly path: string;
    }) => Promise<{ readonly contents: string; readonly loader: 'js' } | null>,
  ): void;
}

/**
 * Freezes the modifiers of a project that esbuild builds. Never throws. The build fails with a `ModifierError` for a
 * modifier outside the dialect.
 *
 * @param read gives the text of a file: `(path) => readFile(path, 'utf8')`
 * @example
 * await build({ entryPoints, bundle: true, minify: true, plugins: [modifiersEsbuildPlugin((path) => readFile(path, 'utf8'))] });
 */
export function modifiersEsbuildPlugin(read: (path: string) => Promise<string>): {
  readonly name: string;
  setup(build: EsbuildBuild): void;
} {
  return {
    name: 'headwise-modifiers',
    setup({ esbuild, onLoad }) {
      onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
        if (path.includes('node_modules')) return null;
        const text = await read(path);
        if (!/\b(score|mask)Modifier\b/.test(text)) return null;
        const loader = /\.[cm]?(jsx?|tsx?)$/.exec(path)![1]!;
        const { code } = await esbuild.transform(text, { loader });
        return { contents: inFile(path, () => freezeModifiers(code)), loader: 'js' };
      });
    },
  };
}

/** Local names of the definers, from the imports of a module. */
function importedNames(body: readonly Node[]): ReadonlyMap<string, Definer> {
  const names = new Map<string, Definer>();
  visit(body, (node) => {
    if (node.type !== 'ImportSpecifier') return;
    const { imported, local } = node as Node & Record<'imported' | 'local', { readonly name: string }>;
    if (imported.name in kinds) names.set(local.name, imported.name as Definer);
  });
  return names;
}

/** `W` and `n` of `{ W, n: 3 }`; of anything else nothing is known. */
function propertyNames(node: Node | undefined): readonly string[] {
  if (node?.type !== 'ObjectExpression') return [];
  const { properties } = node as Node & {
    readonly properties: readonly (Node & { readonly key?: { readonly name?: string } })[];
  };
  return properties.flatMap(({ key }) => (key?.name ? [key.name] : []));
}

function inFile<Result>(file: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (ModifierError.isInstance(error)) error.message = `${file}: ${error.message}`;
    throw error;
  }
}
