/**
 * Writes the tables of the READMEs from the registry of variants: `npx tsx --conditions=@headwise/source
 * tooling/readme-tables.ts`. The test does it too, as test runners do with snapshots; in CI it compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { type ConfiguredVariant, configure } from '../packages/attention-variants/src/configure.ts';
import type { AttentionVariant } from '../packages/attention-variants/src/contract.ts';
import { variants } from '../packages/attention-variants/src/registry.ts';

/** The shape for which the tables say how much a layer keeps. */
const shape = { E: 512, H: 8, D: 64, layers: 4 };

/** READMEs with a table, and where the files of the variants are from there. */
export const readmes = [
  { file: '../README.md', variantsAt: 'packages/attention-variants/src/variants' },
  { file: '../packages/attention-variants/README.md', variantsAt: 'src/variants' },
] as const;

/** A README with its table between the markers `<!-- variants -->` and `<!-- /variants -->`. */
export function withTable(text: string, variantsAt: string): string {
  const [before, rest] = text.split('<!-- variants -->\n');
  const after = rest?.split('<!-- /variants -->')[1];
  if (before === undefined || after === undefined) throw new Error('the README has no markers for its table');
  return `${before}<!-- variants -->\n${table(variantsAt)}<!-- /variants -->${after}`;
}

function table(variantsAt: string): string {
  const all: readonly AttentionVariant[] = Object.values(variants);
  const rows = all.map((variant) => {
    const { name, summary, paper } = variant;
    const exported = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const who = `${paper.authors.replace(' et al.', '')} ${paper.year}`;
    const source = paper.arxiv === undefined ? who : `[${who}](https://arxiv.org/abs/${paper.arxiv})`;
    return `| [\`${exported}\`](${variantsAt}/${name}.ts) | ${summary} | ${source} | ${kept(configure(variant))} |`;
  });
  return `| variant | in a sentence | paper | a layer keeps ¹ |
| --- | --- | --- | --- |
${rows.join('\n')}

¹ Numbers for each token (of the last W, where there is a window), from its defaults at H = ${shape.H}, D = ${shape.D}; the mean of ${shape.layers} layers.
`;
}

/** `1024`, `1024, W = 128`, `512 (every 2nd layer)`, `32 768 in all`. */
function kept(attention: ConfiguredVariant): string {
  const specs = Array.from({ length: shape.layers }, (_, layer) => attention.kv(shape, layer));
  const sum = (of: Readonly<Record<string, readonly number[]>>): number =>
    Object.values(of).reduce((total, size) => total + size.reduce((a, b) => a * b, 1), 0);
  const pooled = specs
    .flatMap((spec) => Object.values(spec.pooled ?? {}))
    .reduce((total, { row, every }) => total + sum({ row }) / every, 0);
  const perToken = (specs.reduce((total, { rows }) => total + sum(rows), 0) + pooled) / specs.length;
  const constant = specs.reduce((total, spec) => total + sum(spec.constant), 0) / specs.length;
  if (constant > 0) return `${constant} in all`;
  const { cap } = specs[0]!;
  return cap < Infinity ? `${perToken}, W = ${cap}` : String(perToken);
}

/** Writes the tables anew where they differ. @returns the READMEs that did */
export function refreshTables(): readonly string[] {
  return readmes.flatMap(({ file, variantsAt }) => {
    const url = new URL(file, import.meta.url);
    const [before, after] = [readFileSync(url, 'utf8'), withTable(readFileSync(url, 'utf8'), variantsAt)];
    if (before === after) return [];
    writeFileSync(url, after);
    return [file];
  });
}

if (argv[1] === fileURLToPath(import.meta.url)) refreshTables();
