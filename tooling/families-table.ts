/**
 * Writes the table of families into the README of models: `pnpm exec tsx --conditions=@headwise/source
 * tooling/families-table.ts [model_type …]`. Where golden checkpoints lie beside the repository, their largest errors are
 * measured first, on every device that families are compared on, and kept in
 * `packages/models/golden/largest-errors.json`; with names only theirs, and those that are missing. Tests compare the
 * table with the registry, and each checkpoint with its largest error.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Family } from '../packages/models/src/family.ts';
import { families } from '../packages/models/src/registry.ts';
import {
  errorOf,
  goldenDevices,
  goldenOutputs,
  headsOf,
} from '../packages/models/src/testing/golden-outputs.ts';
import { jsonOf, sharedFolder, tinyFolder } from '../packages/models/src/testing/shared.ts';
import { createDevice } from '../packages/tensor/src/index.ts';

/** The README of models. */
export const readme = new URL('../packages/models/README.md', import.meta.url);
/** Golden checkpoints that stand in the repository. */
const own = new URL('../packages/models/golden/tiny/', import.meta.url);
const stored = new URL('../packages/models/golden/largest-errors.json', import.meta.url);
const code = new URL('../packages/models/src/families/', import.meta.url);

/** By family and golden folder: 1.25 times the largest error that was measured, rounded up to one digit. */
export type Errors = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Golden folders of each family, of the repository and beside it; undefined where there are none beside it. */
export function goldenFolders(): Readonly<Record<string, readonly string[]>> | undefined {
  const root = sharedFolder('conformance/models/tiny');
  if (!root) return undefined;
  const found: Record<string, string[]> = {};
  for (const name of [...foldersIn(root), ...foldersIn(own)].sort()) {
    const folder = tinyFolder(name)!;
    const [head = ''] = headsOf(folder);
    if (!existsSync(new URL(`${head}model.safetensors`, folder))) continue;
    const { model_type: type } = jsonOf<{ model_type: string }>(folder, `${head}config.json`);
    if (Object.hasOwn(families, type)) found[type] = [...(found[type] ?? []), name];
  }
  return found;
}

function foldersIn(folder: URL): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The README with its table between `<!-- families -->` and `<!-- /families -->`. */
export async function withFamilies(text: string, errors: Errors): Promise<string> {
  const [before, rest] = text.split('<!-- families -->\n');
  const after = rest?.split('<!-- /families -->')[1];
  if (before === undefined || after === undefined) throw new Error('the README has no markers for its table');
  return `${before}<!-- families -->\n${await table(errors)}<!-- /families -->${after}`;
}

async function table(errors: Errors): Promise<string> {
  const files = await filesOfFamilies();
  const lines: number[] = [];
  const rows = Object.entries(families).map(([type, family]) => {
    const file = files.get(family)!;
    const count = readFileSync(new URL(file, code), 'utf8').split('\n').length - 1;
    lines.push(count);
    const bounds = Object.values(errors[type] ?? {});
    const against =
      bounds.length > 0
        ? `transformers, ${bounds.length} checkpoint${bounds.length === 1 ? '' : 's'}`
        : `[its formulas](src/families/${file.replace('.ts', '.test.ts')})`;
    const largest = bounds.length > 0 ? Math.max(...bounds).toExponential(0) : '';
    return `| [${family.title}](src/families/${file}) | \`${type}\` | ${against} | ${largest} | ${count} |`;
  });
  const median = [...lines].sort((a, b) => a - b)[Math.floor(lines.length / 2)]!;
  return `| family | \`model_type\` | checked against | largest error ¹ | lines |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
| median | | | | ${median} |

¹ At most, of logits, hidden states and attention weights on ${goldenDevices.join(', ')}; logits have a standard deviation of
about 2. Golden numbers are those of transformers 5.24.0 in float64. Ids of greedy decoding and of beams are the same.
`;
}

/** The file that exports each family. */
async function filesOfFamilies(): Promise<ReadonlyMap<Family, string>> {
  const names = readdirSync(code).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const modules = await Promise.all(
    names.map(async (name) => {
      const exported = (await import(new URL(name, code).href)) as Readonly<Record<string, Family>>;
      return Object.values(exported).map((each) => [each, name] as const);
    }),
  );
  return new Map(modules.flat());
}

/** @throws {Error} if ids differ, which no error bounds. */
async function largestError(family: Family, name: string): Promise<number> {
  const folder = tinyFolder(name)!;
  let largest = 0;
  for (const deviceName of goldenDevices)
    for (const head of headsOf(folder)) {
      const device = await createDevice(deviceName);
      for await (const output of goldenOutputs(family, folder, { head, device })) {
        const error = errorOf(output);
        if (output.tolerance.atol === 0 && error > 0) throw new Error(`${name}: ${output.name} differ`);
        largest = Math.max(largest, error);
      }
      device.dispose();
    }
  console.log(`${name}: ${largest.toExponential(2)}`);
  return largest;
}

/** 1.25 times as much, rounded up to one digit: another engine may add in another order. */
function bound(error: number): number {
  if (error === 0) return 0;
  const digit = 10 ** Math.floor(Math.log10(error * 1.25));
  return Number((Math.ceil((error * 1.25) / digit) * digit).toExponential(0));
}

async function measured(before: Errors, only: readonly string[]): Promise<Errors> {
  const folders = goldenFolders();
  if (!folders) return before;
  const after: Record<string, Record<string, number>> = {};
  for (const [type, names] of Object.entries(folders).sort())
    for (const name of names) {
      const kept = only.length > 0 && !only.includes(type) ? before[type]?.[name] : undefined;
      after[type] = {
        ...after[type],
        [name]: kept ?? bound(await largestError(families[type]!, name)),
      };
    }
  return after;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const before = JSON.parse(readFileSync(stored, 'utf8')) as Errors;
  const errors = await measured(before, argv.slice(2));
  writeFileSync(stored, `${JSON.stringify(errors, undefined, 2)}\n`);
  writeFileSync(readme, await withFamilies(readFileSync(readme, 'utf8'), errors));
}
