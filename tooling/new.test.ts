import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'headwise-new-'));
afterAll(() => rmSync(copy, { recursive: true }));

it.each([
  ['variant', 'attention-variants', 'variants', 'sparseSink'],
  ['encoding', 'positional', 'encodings', 'sparseSink'],
  ['filter', 'sampling', 'filters', 'sparseSinkRule'],
])('writes a %s that compiles, with its registry line', (kind, name, folder, entry) => {
  const src = join('packages', name, 'src');
  cpSync(join(root, src), join(copy, src), { recursive: true });
  mkdirSync(join(copy, '.changeset'), { recursive: true });
  const script = join(root, 'tooling/new.ts');
  execFileSync(process.execPath, ['--import', 'tsx', script, kind, 'sparse-sink', '--root', copy], {
    cwd: root,
  });

  const file = join(copy, src, folder, 'sparse-sink.ts');
  for (const path of [file, join(copy, src, 'registry.ts'), join(copy, src, 'index.ts')])
    expect(syntaxErrors(path), path).toEqual([]);
  const registry = readFileSync(join(copy, src, 'registry.ts'), 'utf8');
  expect(registry).toContain(
    `  'sparse-sink': ${entry},\n});`.replace('});', kind === 'encoding' ? '}' : '});'),
  );
  expect(registry).toContain(`import { ${entry} } from './${folder}/sparse-sink.ts';`);
  // every name it imports is there
  for (const [, names, from] of readFileSync(file, 'utf8').matchAll(
    /import \{([^}]+)\} from '\.\.?\/([^']+)'/g,
  )) {
    const path =
      from === 'keep.ts' ? join(copy, src, folder, from) : join(copy, src, from!.replace(/^\.\//, ''));
    const text = readFileSync(path, 'utf8');
    for (const imported of names!.split(',')) expect(text).toContain(imported.replace('type ', '').trim());
  }
});

function syntaxErrors(path: string): string[] {
  const { diagnostics = [] } = ts.transpileModule(readFileSync(path, 'utf8'), { reportDiagnostics: true });
  return diagnostics.map(({ messageText }) => String(messageText));
}
