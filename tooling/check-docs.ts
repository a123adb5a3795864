/**
 * Counts the public functions whose doc comment does not say what they throw: every function that an entry point of a
 * package exports has `@throws`, or the sentence "Never throws." where that is true. Fails above 0 for the packages
 * that are held to it.
 *
 *   tsx tooling/check-docs.ts              every package
 *   tsx tooling/check-docs.ts sampling     these packages
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Folders under packages/ in which no public function may leave it open. */
const held: readonly string[] = [
  'attention-variants',
  'device-wasm',
  'headwise',
  'kv-cache',
  'models',
  'positional',
  'sampling',
  'tensor',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = readdirSync(join(root, 'packages')).filter((name) => existsSync(manifestOf(name)));

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !packages.includes(name));
if (unknown.length > 0) {
  console.error(`docs: there is no package ${unknown.join(', ')}; there are ${packages.join(', ')}`);
  process.exit(2);
}

let failed = false;
for (const name of asked.length > 0 ? asked : packages) {
  const functions = publicFunctions(name);
  const silent = functions.filter(({ says }) => !says);
  console.log(`docs: ${name}: ${silent.length} of ${functions.length} functions do not say what they throw`);
  if (silent.length === 0 || !(held.includes(name) || asked.includes(name))) continue;
  for (const { where, function: of } of silent) console.log(`  ${of}  ${where}`);
  failed ||= held.includes(name);
}
if (failed) {
  console.error(
    '\nWrite "@throws {Kind} if …" into their doc comments, or "Never throws." where that is true.',
  );
  process.exit(1);
}

interface PublicFunction {
  readonly function: string;
  /** File and line, for a click. */
  readonly where: string;
  /** Whether its doc comment says what it throws. */
  readonly says: boolean;
}

function manifestOf(name: string): string {
  return join(root, 'packages', name, 'package.json');
}

/** Functions that the entry points of a package export, each once, in the order of their names. */
function publicFunctions(name: string): PublicFunction[] {
  const { exports = {} } = JSON.parse(readFileSync(manifestOf(name), 'utf8')) as {
    exports?: Record<string, { '@headwise/source'?: string }>;
  };
  const entries = Object.values(exports).flatMap((entry) =>
    entry['@headwise/source'] ? [join(root, 'packages', name, entry['@headwise/source'])] : [],
  );
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root);
  const program = ts.createProgram(entries, { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  const found = new Map<ts.Symbol, PublicFunction>();
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const declaration = symbol.valueDeclaration;
      if (!declaration || checker.getTypeOfSymbol(symbol).getCallSignatures().length === 0) continue;
      const file = declaration.getSourceFile();
      // what another package declares is counted there
      if (!file.fileName.startsWith(join(root, 'packages', name))) continue;
      const { line } = file.getLineAndCharacterOfPosition(declaration.getStart());
      const where = `${file.fileName.slice(root.length)}:${line + 1}`;
      found.set(symbol, { function: exported.name, where, says: saysWhatItThrows(symbol, checker) });
    }
  }
  return [...found.values()].sort((a, b) => (a.function < b.function ? -1 : 1));
}

function saysWhatItThrows(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  const tagged = symbol
    .getJsDocTags(checker)
    .some((tag) => tag.name === 'throws' && ts.displayPartsToString(tag.text).trim() !== '');
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  return tagged || /\bNever throws\./.test(text);
}
