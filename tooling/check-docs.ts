/**
 * Counts the public functions, and the methods of public classes and interfaces, whose doc comment does not say what they
 * throw: each that an entry point of a package exports has `@throws`, or the sentence "Never throws." where that is true.
 * Fails above 0 for the packages that are held to it. And counts the public names without any doc comment, of which there are none.
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
  'training',
];
/** And in which no method of a public class or interface may. */
const heldToMethods: readonly string[] = [
  'attention-variants',
  'device-wasm',
  'headwise',
  'kv-cache',
  'models',
  'positional',
  'sampling',
  'tensor',
  'training',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = readdirSync(join(root, 'packages')).filter((name) => existsSync(manifestOf(name)));

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !packages.includes(name));
if (unknown.length > 0) {
  console.error(`docs: there is no package ${unknown.join(', ')}; there are ${packages.join(', ')}`);
  process.exit(2);
}

/** One program for all: most of what it reads is the same for each. */
const program = programOf(asked.length > 0 ? asked : packages);
const checker = program.getTypeChecker();

let failed = false;
for (const name of asked.length > 0 ? asked : packages) {
  const { functions: found, bare } = publicNames(name);
  console.log(`docs: ${name}: ${bare.length} public names have no doc comment`);
  if (bare.length > 0) {
    for (const line of bare) console.log(`  ${line}`);
    failed = true;
  }
  for (const [kind, strict] of [
    ['functions', held],
    ['methods', heldToMethods],
  ] as const) {
    const own = found.filter(({ method }) => method === (kind === 'methods'));
    const silent = own.filter(({ says }) => !says);
    console.log(`docs: ${name}: ${silent.length} of ${own.length} ${kind} do not say what they throw`);
    if (silent.length === 0 || !(strict.includes(name) || asked.includes(name))) continue;
    for (const { where, function: of } of silent) console.log(`  ${of}  ${where}`);
    failed ||= strict.includes(name);
  }
}
if (failed) {
  console.error(
    '\nWrite a doc comment, with shapes and units, and "@throws {Kind} if …" into that of a function, or "Never throws." where that is true.',
  );
  process.exit(1);
}

interface PublicFunction {
  readonly function: string;
  /** Whether it is one of a class or an interface. */
  readonly method: boolean;
  /** File and line, for a click. */
  readonly where: string;
  /** Whether its doc comment says what it throws. */
  readonly says: boolean;
}

function manifestOf(name: string): string {
  return join(root, 'packages', name, 'package.json');
}

/** The sources of the entry points of a package. */
function entriesOf(name: string): readonly string[] {
  const { exports = {} } = JSON.parse(readFileSync(manifestOf(name), 'utf8')) as {
    exports?: Record<string, { '@headwise/source'?: string }>;
  };
  return Object.values(exports).flatMap((entry) =>
    entry['@headwise/source'] ? [join(root, 'packages', name, entry['@headwise/source'])] : [],
  );
}

function programOf(names: readonly string[]): ts.Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root);
  return ts.createProgram(names.flatMap(entriesOf), { ...options, noEmit: true });
}

/** What the entry points of a package export, each once, in the order of the names: its functions, and what no comment is on. */
function publicNames(name: string): {
  readonly functions: readonly PublicFunction[];
  readonly bare: readonly string[];
} {
  const found = new Map<ts.Symbol, PublicFunction>();
  const bare = new Set<string>();
  for (const entry of entriesOf(name)) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const own = symbol.declarations?.[0];
      const home = own?.getSourceFile();
      if (own && home?.fileName.startsWith(join(root, 'packages', name, 'src'))) {
        const text = textOf(symbol.getDocumentationComment(checker));
        const { line } = home.getLineAndCharacterOfPosition(own.getStart());
        if (text === '' && symbol.getJsDocTags(checker).length === 0)
          bare.add(`${exported.name}  ${home.fileName.slice(root.length)}:${line + 1}`);
      }
      for (const [title, called] of callable(exported.name, symbol, checker)) {
        const declaration = called.valueDeclaration ?? called.declarations?.[0];
        if (!declaration) continue;
        const file = declaration.getSourceFile();
        // what another package declares is counted there
        if (!file.fileName.startsWith(join(root, 'packages', name))) continue;
        const { line } = file.getLineAndCharacterOfPosition(declaration.getStart());
        const where = `${file.fileName.slice(root.length)}:${line + 1}`;
        found.set(called, {
          function: title,
          method: called !== symbol,
          where,
          says: saysWhatItThrows(called, checker),
        });
      }
    }
  }
  const functions = [...found.values()].sort((a, b) => (a.function < b.function ? -1 : 1));
  return { functions, bare: [...bare].sort() };
}

function saysWhatItThrows(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  const tags = symbol.getJsDocTags(checker).map(({ name, text }) => ({ name, text: textOf(text) }));
  const text = textOf(symbol.getDocumentationComment(checker));
  const throws = tags.some((tag) => tag.name === 'throws' && tag.text.trim() !== '');
  return (
    throws || /\bNever throws\.|\berrors as in\b/i.test([text, ...tags.map((tag) => tag.text)].join(' '))
  );
}

/** What can be called of an export: itself, or the public methods of a class or an interface, by their full names. */
function callable(name: string, symbol: ts.Symbol, checker: ts.TypeChecker): [string, ts.Symbol][] {
  const isFunction =
    symbol.valueDeclaration && checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0;
  const own: [string, ts.Symbol][] = isFunction ? [[name, symbol]] : [];
  const members = (symbol.declarations ?? []).flatMap((declaration) =>
    ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)
      ? [...declaration.members]
      : [],
  );
  const methods = members.flatMap((member): [string, ts.Symbol][] => {
    if (!(ts.isMethodDeclaration(member) || ts.isMethodSignature(member))) return [];
    const hidden = ts.ModifierFlags.Protected | ts.ModifierFlags.Private;
    if (ts.isPrivateIdentifier(member.name) || ts.getCombinedModifierFlags(member) & hidden) return [];
    const method = checker.getSymbolAtLocation(member.name);
    return method ? [[`${name}.${member.name.getText()}`, method]] : [];
  });
  return [...own, ...methods];
}

function textOf(parts: ts.SymbolDisplayPart[] | undefined): string {
  return ts.displayPartsToString(parts);
}
