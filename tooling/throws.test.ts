import ts from 'typescript';
import { expect, it } from 'vitest';

/** Public entries whose functions and methods all say what they throw, or that they never do. */
const entries = [
  'packages/kv-cache/src/index.ts',
  'packages/kv-cache/src/file.ts',
  'packages/kv-cache/src/conformance/index.ts',
];

const root = new URL('../', import.meta.url).pathname;

function silentIn(entry: string): string[] {
  const program = ts.createProgram([root + entry], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowImportingTsExtensions: true,
    customConditions: ['@headwise/source'],
    noEmit: true,
    skipLibCheck: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const says = (symbol: ts.Symbol): boolean => {
    const tags = symbol.getJsDocTags(checker).map(({ name }) => name);
    const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
    const inTags = symbol.getJsDocTags(checker).map((tag) => ts.displayPartsToString(tag.text));
    return tags.includes('throws') || /never throws|errors as in/i.test([text, ...inTags].join(' '));
  };
  const module = checker.getSymbolAtLocation(program.getSourceFile(root + entry)!)!;
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const [declaration] = symbol.declarations ?? [];
    if (declaration && ts.isFunctionDeclaration(declaration)) return says(symbol) ? [] : [symbol.name];
    if (!declaration || !(ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)))
      return [];
    return declaration.members.flatMap((member) => {
      if (!(ts.isMethodDeclaration(member) || ts.isMethodSignature(member))) return [];
      const hidden = ts.ModifierFlags.Protected | ts.ModifierFlags.Private;
      if (ts.isPrivateIdentifier(member.name) || ts.getCombinedModifierFlags(member) & hidden) return [];
      const method = checker.getSymbolAtLocation(member.name);
      return !method || says(method) ? [] : [`${symbol.name}.${member.name.getText()}`];
    });
  });
}

it.each(entries)('every function of %s says what it throws, or that it never does', (entry) => {
  expect(silentIn(entry)).toEqual([]);
});
