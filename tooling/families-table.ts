/**
 * Writes the table of families into the README of models: `pnpm exec tsx --conditions=@headwise/source
 * tooling/families-table.ts`. Where the golden checkpoints lie beside the repository, their largest errors are measured
 * anew first, on every device that families are compared on, and kept in `packages/models/golden/largest-errors.json`; with
 * `--keep` only those that are not there yet. Tests compare: the table with the registry, and each checkpoint with its
 * largest error.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Family } from '../packages/models/src/family.ts';
import { families } from '../packages/models/src/registry.ts';
import { errorOf, goldenDevices, goldenOutputs, headsOf } from '../packages/models/src/testing/golden-outputs.ts';
import { jsonOf, sharedFolder } from '../packages/models/src/testing/shared.ts';
import { createDevice } from '../packages/tensor/src/index.ts';

const readme = new URL('../packages/models/README.md', import.meta.url);
const stored = new URL('../packages/models/golden/largest-errors.json', import.meta.url);
const code = new URL('../packages/models/src/families/', import.meta.url);

/** Largest error by name of a golden folder: 1.25 times what was measured, rounded up to one digit. */
export type Errors = Readonly<Record<string, number>>;

/** Golden folders by the `model_type` of their checkpoints, which is a family's; undefined where there are none. */
export function goldenFolders(): ReadonlyMap<string, string> | undefined {
  const root = sharedFolder('conformance/models/tiny');
  if (!root) return undefined;
  const found = readdirSync(root).flatMap((name): [string, string][] => {
    const folder = new URL(`${name}/`, root);
    if (!existsSync(folder) || !existsSync(new URL('golden.safetensors', folder))) return [];
    const [head = ''] = headsOf(folder);
    if (!existsSync(new URL(`${head}model.safetensors`, folder))) return [];
    const { model_type: type } = jsonOf<{ model_type: string }>(folder, `${head}config.json`);
    return Object.hasOwn(families, type) ? [[name, type]] : [];
  });
  return new Map(found.sort());
}

/** The README with its table between `<!-- families -->` and `<!-- /families -->`. */
export async function withFamilies(text: string, errors: Errors): Promise<string> {
  const [before, rest] = text.split('<!-- families -->\n');
  const after = rest?.split('<!-- /families -->')[1];
  if (before === undefined || after === undefined) throw new Error('the README has no markers for its table');
  return `${before}<!-- families -->\n${await table(errors)}<!-- /families -->${after}`;
}

async function table(errors: Errors): Promise<string> {
  const files = await filesOf(Object.values(families));
  const lines: number[] = [];
  const rows = Object.entries(families).map(([type, family]) => {
    const file = files.get(family)!;
    const count = readFileSync(new URL(file, code), 'utf8').split('\n').length - 1;
    lines.push(count);
    const own = Object.keys(errors).filter((name) => name.replace(/-\w+$/, '') in prefixes(type));
    const against =
      own.length > 0
        ? `${own.length === 1 ? 'a checkpoint' : `${own.length} checkpoints`} of transformers`
        : `[its formulas](src/families/${file.replace('.ts', '.test.ts')})`;
    const largest = own.length > 0 ? Math.max(...own.map((name) => errors[name]!)) : undefined;
    return `| [${family.title}](src/families/${file}) | \`${type}\` | ${against} | ${largest?.toExponential(0) ?? ''} | ${count} |`;
  });
  const median = [...lines].sort((a, b) => a - b)[Math.floor(lines.length / 2)]!;
  return `| family | \`model_type\` | checked against | largest error ¹ | lines |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

A file has ${median} lines, in the median.

¹ At most, of logits, hidden states and attention weights on ${goldenDevices.join(', ')}; logits have a standard deviation
of about 2. Golden numbers are those of transformers 5.24.0 in float64; ids of greedy decoding and beams are the same.
`;
}
