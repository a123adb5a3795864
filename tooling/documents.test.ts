import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
// not by a walk: folders of modules link to each other in circles
const folders = ['packages', 'apps', 'benchmarks'].flatMap((top) => [
  top,
  ...readdirSync(join(root, top)).map((name) => join(top, name)),
]);
const documents = ['.', 'docs', ...folders].flatMap((folder) =>
  existsSync(join(root, folder)) && statSync(join(root, folder)).isDirectory()
    ? readdirSync(join(root, folder))
        .filter((file) => file.endsWith('.md'))
        .map((file) => join(folder, file))
    : [],
);
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** What documents tell people to type: lines of `sh` blocks and code in sentences. */
function commands(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap((match) => match[1]!.split('\n'));
  const spans = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
  return [...blocks, ...spans].map((line) => line.replace(/\s+/g, ' ').trim());
}

it('finds the documents', () => {
  expect(documents.length).toBeGreaterThan(12);
  expect(
    documents.flatMap((file) => commands(read(file))).filter((line) => /^npm /.test(line)).length,
  ).toBeGreaterThan(20);
});

it.each(documents)('%s asks for nothing that npm alone cannot do', (file) => {
  for (const line of commands(read(file))) {
    // the package manager of the workspace is brought by its scripts; nobody has to have it
    expect(line).not.toMatch(/^pnpm\b/);
    // which takes the optional bindings out of the rest of a project
    expect(line).not.toContain('--omit=optional');
    const script = /^npm (?:run (?:--silent )?)([\w:-]+)/.exec(line)?.[1];
    if (script !== undefined) expect(Object.keys(scripts), line).toContain(script);
  }
});
