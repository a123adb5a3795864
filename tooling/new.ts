/**
 * `npm run new -- variant sparse-sink`: the file, its test, its registry line and a changeset, which already compile and
 * run; what they compute is still that of their simplest relative, and the comments say what to fill in.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { camelOf, namePattern } from '../packages/headwise/src/new/variant-template.ts';
import type { Edit, Kind } from './new/kind.ts';
import { kinds } from './new/kinds.ts';

const usage = `usage: npm run new -- <${Object.keys(kinds).join(' | ')}> <name-in-kebab-case>

Writes the file, its test, its registry line and a changeset; asks for what is left out.`;

const repository = fileURLToPath(new URL('..', import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' }, root: { type: 'string' } },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const [kindName, name] = await complete(positionals);
const kind = kinds[kindName];
if (!kind || !namePattern.test(name)) {
  console.error(usage);
  process.exit(2);
}
write(kind, name, values.root ?? repository);

/** Asks for what was not typed, where somebody is there to ask. */
async function complete([kindGiven, nameGiven]: readonly string[]): Promise<[string, string]> {
  if ((kindGiven !== undefined && nameGiven !== undefined) || !process.stdin.isTTY)
    return [kindGiven ?? '', nameGiven ?? ''];
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  const asked = kindGiven ?? (await asking.question(`What (${Object.keys(kinds).join(', ')})? `)).trim();
  const named = nameGiven ?? (await asking.question('Its name, in kebab-case: ')).trim();
  asking.close();
  return [asked, named];
}

function write(made: Kind, fileName: string, root: string): void {
  const id = camelOf(fileName);
  const files = made.files(fileName, id, root);
  const taken = Object.keys(files).find((path) => existsSync(join(root, path)));
  if (taken) {
    console.error(`new: ${taken} is there already; choose another name`);
    process.exit(1);
  }
  const changeset = `.changeset/${fileName}.md`;
  const all = {
    ...files,
    [changeset]: `---\n"${made.package(fileName)}": minor\n---\n\nA new ${made.what}, \`${id}\`: what people can now do, in one sentence.\n`,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const edits = made.edits(fileName, id);
  for (const edit of edits) apply(join(root, edit.file), edit);
  const edited = [...new Set(edits.map(({ file }) => file))];
  const code = [...Object.keys(files), ...edited].filter((path) => /\.(ts|json)$/.test(path));
  if (root === repository) tidy(code);
  const test = Object.keys(files).find((path) => path.endsWith('.test.ts'))!;
  console.log(
    [
      'wrote',
      ...Object.keys(all).map((path) => `  ${path}`),
      'and a line in',
      ...edited.map((path) => `  ${path}`),
      'Left for you:',
      ...made.left(fileName).map((left) => `  ${left}`),
      `  ${changeset}: the sentence for the person who upgrades`,
      `Try: npm run test:node -- ${test.replace(/\.test\.ts$/, '')}`,
    ].join('\n'),
  );
}

/** Formats what was written, in the order of imports that the linter wants, and writes the tables of the READMEs. */
function tidy(files: readonly string[]): void {
  const run = (command: string, ...args: string[]): void => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: repository, encoding: 'utf8' });
    if (status !== 0) console.error(`new: ${command} ${args.join(' ')}\n${stdout}${stderr}`);
  };
  run(join(repository, 'node_modules/.bin/biome'), 'check', '--write', ...files);
  const tsx = ['--import', 'tsx', '--conditions=@headwise/source'];
  run(process.execPath, ...tsx, 'tooling/readme-tables.ts');
}

/** Puts a line to its place. */
function apply(path: string, { at, line }: Edit): void {
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, inserted(path, text, at, line));
}

function inserted(path: string, text: string, at: Edit['at'], line: string): string {
  if (at === 'end') return `${text}${line}\n`;
  if (at === 'import') {
    const lastImport = text.lastIndexOf('\nimport ');
    const end = text.indexOf('\n', text.indexOf("from '", Math.max(0, lastImport)));
    return `${text.slice(0, end)}\n${line}${text.slice(end)}`;
  }
  const begins = 'map' in at ? at.map : at.table;
  const start = text.indexOf(begins);
  if (start < 0) throw new Error(`${path}: nothing begins with "${begins}"`);
  // a map ends at a bracket in the first column, a table at the first line that is no row
  const length = 'map' in at ? text.slice(start).search(/\n[}\]]/) : text.slice(start).search(/\n(?!\|)/);
  return `${text.slice(0, start + length)}\n${line}${text.slice(start + length)}`;
}
