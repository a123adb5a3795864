import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Documents with code, and a package from which everything that they import is found. */
const documents = [
  { file: 'README.md', from: 'packages/headwise' },
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({
      file: `docs/${name}`,
      from: name === 'algorithms.md' ? 'benchmarks' : 'packages/headwise',
    })),
  ...readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'README.md')))
    .map((name) => ({ file: `packages/${name}/README.md`, from: `packages/${name}` })),
];

/** Documents whose blocks are one program. */
const joined = ['docs/self-attention.md', 'docs/algorithms.md'];

/** Every `ts` block as a module of its own: path → text. A package finds itself, and its own dependencies. */
const modules = new Map<string, { readonly text: string; readonly where: string }>();
for (const { file, from } of documents) {
  const text = readFileSync(join(root, file), 'utf8');
  const matches = [...text.matchAll(/^```ts(?: .*)?\n([\s\S]*?)^```/gm)];
  if (joined.includes(file)) {
    const all = matches.map((match) => match[1]).join('');
    modules.set(join(root, from, 'src', `readme-blocks-${file.replaceAll(/\W/g, '-')}.ts`), {
      text: `${all}\nexport {};\n`,
      where: `${file}, all blocks`,
    });
    continue;
  }
  for (const [i, match] of matches.entries()) {
    const line = text.slice(0, match.index).split('\n').length;
    modules.set(join(root, from, 'src', `readme-block-${file.replaceAll(/\W/g, '-')}-${i}.ts`), {
      text: `${match[1]}\nexport {};\n`,
      where: `${file}:${line}`,
    });
  }
}

it('every sample of the READMEs and guides compiles under strict', () => {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root);
  const strict = {
    ...options,
    noEmit: true,
    // what somebody who starts a project has
    noUnusedLocals: false,
    noUnusedParameters: false,
    exactOptionalPropertyTypes: false,
    noUncheckedIndexedAccess: false,
  };
  const host = ts.createCompilerHost(strict);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => modules.has(path) || fileExists.call(host, path);
  host.readFile = (path) => modules.get(path)?.text ?? readFile.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const own = modules.get(path);
    return own ? ts.createSourceFile(path, own.text, rest[0]) : getSourceFile.call(host, path, ...rest);
  };
  const program = ts.createProgram([...modules.keys()], strict, host);
  const problems = [...modules].flatMap(([path, { where }]) => {
    const source = program.getSourceFile(path)!;
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText, start = 0 }) =>
        `${where} +${source.getLineAndCharacterOfPosition(start).line + 1}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
  expect(modules.size).toBeGreaterThan(12);
  expect(problems).toEqual([]);
});
