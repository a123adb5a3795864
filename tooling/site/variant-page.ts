import { readFileSync } from 'node:fs';
import { Probe } from '../../packages/attention-variants/src/conformance/probe.ts';
import type {
  AttentionVariant,
  ConfiguredVariant,
  LayerShape,
} from '../../packages/attention-variants/src/index.ts';
import { configure } from '../../packages/attention-variants/src/index.ts';
import { variants } from '../../packages/attention-variants/src/registry.ts';
import { smallConfigurations } from '../../packages/attention-variants/src/testing/configurations.ts';
import { createReference } from '../../packages/tensor/src/index.ts';
import { storyOf } from './doc-comment.ts';
import { type MeasuredTable, measuredOn, measuredTables, shortOf } from './measured.ts';
import { type FamilyUse, familyUses } from './used-by.ts';

/** The shape of the figures on the pages. */
const shape: LayerShape = { E: 512, H: 8, D: 64, layers: 4 };
const LENGTHS = [1024, 8192, 32_768];
/** Queries and keys of a picture. */
const CELLS = 18;

/** A page: its path under `docs/`, and its text. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** One page a variant, from its file, the registry and the committed figures, and a page that lists them. */
export async function variantPages(): Promise<readonly Page[]> {
  const all: readonly AttentionVariant[] = Object.values(variants);
  const uses = familyUses();
  const tables = measuredTables();
  const pages: Page[] = [];
  for (const variant of all) pages.push(await variantPage(variant, uses, tables));
  return [{ path: 'variants/index.md', text: listOf(all) }, ...pages];
}

function listOf(all: readonly AttentionVariant[]): string {
  return `# Variants

Each page is made from the file of its variant: formula, what it sees, what it keeps and costs, and what was measured.

| variant | in a sentence | year |
| --- | --- | --- |
${all.map(({ name, title, summary, paper }) => `| [${title}](./${name}.md) | ${summary} | ${paper.year} |`).join('\n')}
`;
}

async function variantPage(
  variant: AttentionVariant,
  uses: readonly FamilyUse[],
  tables: readonly MeasuredTable[],
): Promise<Page> {
  const { name, title, summary, paper } = variant;
  const exported = exportedName(name);
  const file = `packages/attention-variants/src/variants/${name}.ts`;
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const { story, sources, options } = storyOf(file, text, exported);
  const attention = configure(variant);
  const used = uses.filter((family) => family.variants.has(exported));
  const paperLink =
    paper.arxiv === undefined
      ? `“${paper.title}”`
      : `[“${paper.title}”](https://arxiv.org/abs/${paper.arxiv})`;
  return {
    path: `variants/${name}.md`,
    text: `---
title: ${JSON.stringify(title)}
description: ${JSON.stringify(summary)}
editLink: false
---

# ${title}

> ${summary}

${paper.authors} ${paper.year}, ${paperLink}. Code: [\`${name}.ts\`](../../${file}).

## What it computes

${story}

Source: ${sources}

## What a query sees

${await pictureOf(name)}

## Use it

${sampleOf(exported, attention)}

${optionsOf(variant, options)}

## What it keeps and costs

${costOf(attention)}

## Measured

${measuredOf(variant, tables)}

## Models that use it

${usedBy(used)}
`,
  };
}

/** `groupedQuery` */
export function exportedName(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Which keys each query sees, found out on the float64 reference by the variant itself: the value of one key is changed, and
 * the outputs that change saw it. The first head, or all where they are one.
 */
async function pictureOf(name: string): Promise<string> {
  const { label, attention } = smallConfigurations().find(({ attention: each }) => each.name === name)!;
  const device = createReference();
  const probe = new Probe(device, attention.variant, {
    options: attention.options,
    shape: { E: 8, H: 2, D: 2, layers: 2 },
  });
  const inputs = probe.inputs({ Lq: CELLS, Lk: CELLS });
  const before = await probe.attend(inputs);
  const row = before.data.length / 2 / CELLS;
  const seen = Array.from({ length: CELLS }, () => new Uint8Array(CELLS));
  const [, , heads = 1, width = 1] = inputs.v.shape;
  for (let j = 0; j < CELLS; j++) {
    const data = inputs.v.data.slice();
    for (let n = 0; n < heads * width; n++) data[j * heads * width + n]! += 10 + n;
    const after = await probe.attend({ ...inputs, v: { ...inputs.v, data } });
    for (let i = 0; i < CELLS; i++) {
      const own = before.data.subarray(i * row, (i + 1) * row);
      if (own.some((value, n) => value !== after.data[i * row + n])) seen[i]![j] = 1;
    }
  }
  device.dispose();
  const cells = seen.flatMap((line, i) =>
    [...line].flatMap((is, j) => (is === 1 ? [`M${j * 10} ${i * 10}h9v9h-9z`] : [])),
  );
  const given = Object.entries(attention.options).filter(
    ([key, value]) => value !== undefined && value !== attention.variant.defaults[key],
  );
  const withOptions =
    given.length > 0
      ? ` Here with ${given.map(([key, value]) => `\`${key}: ${JSON.stringify(value)}\``).join(', ')}.`
      : '';
  const size = CELLS * 10;
  return `<figure class="mask"><svg viewBox="-2 -2 ${size + 3} ${size + 3}" role="img" aria-label="${label}: ${CELLS} queries down, ${CELLS} keys across"><rect x="-1" y="-1" width="${size + 1}" height="${size + 1}" fill="none" stroke="currentColor" stroke-opacity=".35"/><path fill="currentColor" d="${cells.join('')}"/></svg></figure>

Queries down, keys across, ${cells.length} of ${CELLS * CELLS} pairs seen. The variant itself drew it: the value of one key after the other was
changed on the float64 reference, and the outputs that changed had seen it.${withOptions}`;
}

function sampleOf(exported: string, attention: ConfiguredVariant): string {
  const { cap } = attention.kv(shape, 0);
  const call = { B: 1, Lq: 1, Lk: 8192, layer: 0 };
  const lines = [
    `import { configure, ${exported} } from '@headwise/attention-variants';`,
    '',
    `const attention = configure(${exported});`,
    `const shape = { E: ${shape.E}, H: ${shape.H}, D: ${shape.D}, layers: ${shape.layers} };`,
    ...(cap > 0 && cap < Infinity ? [`attention.kv(shape, 0).cap; // → ${cap}`] : []),
    `attention.cost(shape, { B: 1, Lq: 1, Lk: 8192, layer: 0 }).stateReads; // → ${attention.cost(shape, call).stateReads}`,
  ];
  return `\`\`\`ts\n${lines.join('\n')}\n\`\`\``;
}

function optionsOf({ defaults }: AttentionVariant, comments: ReadonlyMap<string, string>): string {
  const rows = Object.entries(defaults as Readonly<Record<string, unknown>>).map(
    ([name, value]) =>
      `| \`${name}\` | \`${value === undefined ? 'undefined' : JSON.stringify(value)}\` | ${(comments.get(name) ?? '').replaceAll('|', '\\|')} |`,
  );
  return rows.length === 0
    ? 'It has no options.'
    : `| option | default | what it is |\n| --- | --- | --- |\n${rows.join('\n')}`;
}

function costOf(attention: ConfiguredVariant): string {
  const { E, H, D, layers } = shape;
  const specs = Array.from({ length: layers }, (_, layer) => attention.kv(shape, layer));
  const count = (of: Readonly<Record<string, readonly number[]>>): number =>
    Object.values(of).reduce((sum, size) => sum + size.reduce((a, b) => a * b, 1), 0);
  const kept = (length: number): number =>
    specs.reduce(
      (sum, { rows, constant, cap }) => sum + count(rows) * Math.min(length, cap) + count(constant),
      0,
    );
  const per = (of: (layer: number) => number): number =>
    Array.from({ length: layers }, (_, layer) => of(layer)).reduce((a, b) => a + b, 0);
  const rows = LENGTHS.map((L) => {
    const decode = (layer: number) => attention.cost(shape, { B: 1, Lq: 1, Lk: L, layer });
    const prefill = per((layer) => attention.cost(shape, { B: 1, Lq: L, Lk: L, layer }).attentionFlops);
    return `| ${L.toLocaleString('en')} | ${bytes(kept(L) * 2)} | ${big(per((layer) => decode(layer).stateReads))} | ${big(per((layer) => decode(layer).attentionFlops))} | ${big(prefill)} |`;
  });
  const { rows: own, constant, cap, kind } = specs[0]!;
  const names = Object.entries({ ...own, ...constant }).map(
    ([name, size]) => `\`${name} [${size.join(', ')}]\``,
  );
  const keeps = `A layer keeps ${names.join(', ')} ${kind === 'recurrent' ? 'in all' : 'a token'}${cap > 0 && cap < Infinity ? `, of at most ${cap} tokens` : ''} (\`kv\`).`;
  const weights = Object.entries(attention.parameters(shape, 0)).map(
    ([name, size]) => `\`${name} [${size.join(', ')}]\``,
  );
  return `${keeps} Its weights: ${weights.join(', ')}.
${formulaOf(attention)}
With E = ${E}, H = ${H}, D = ${D} and ${layers} layers, its options at their defaults, one sequence; from \`kv\` and \`cost\`, which the conformance kit holds
against the device’s own count of bytes and the pairs that are really seen:

| tokens | kept, 16 bit | numbers read a step | attention FLOP a step | attention FLOP of a prefill |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

/** The formula of the common case where it gives the numbers of `cost`; what differs says it in its doc comment. */
function formulaOf(attention: ConfiguredVariant): string {
  const { H, D } = shape;
  const call = { B: 1, Lq: 1, Lk: 8192, layer: 0 };
  const { attentionFlops } = attention.cost(shape, call);
  const pairs = attentionFlops / (2 * H * (D + D));
  if (attention.score(0) === undefined || !Number.isInteger(pairs) || pairs > call.Lk) return '';
  return `
Attention of a call is \`2 · B · H · pairs · (D + Dv)\` FLOP, a product and an addition counted as two. A step at ${call.Lk} tokens sees ${pairs} pairs:
\`2 · 1 · ${H} · ${pairs} · (${D} + ${D}) = ${attentionFlops}\`.
`;
}

function measuredOf(variant: AttentionVariant, tables: readonly MeasuredTable[]): string {
  const label = shortOf(variant);
  const baseline = shortOf(Object.values(variants)[0] as AttentionVariant);
  const sections = tables.flatMap(({ title, about, head, rows }) => {
    const own = rows.find(([name]) => name === label);
    if (!own) return [];
    const base = label === baseline ? [] : rows.filter(([name]) => name === baseline);
    const lines = [...base, own].map((cells) => `| ${cells.join(' | ')} |`);
    return [
      `### ${title}\n\n${about}\n\n| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n${lines.join('\n')}\n`,
    ];
  });
  if (sections.length === 0) return 'BENCHMARKS.md has no row of it.';
  return `${measuredOn()} All rows: [BENCHMARKS.md](../../BENCHMARKS.md); how: [measure honestly](../measure-honestly.md).\n\n${sections.join('\n')}`;
}

function usedBy(used: readonly FamilyUse[]): string {
  if (used.length === 0)
    return 'No family of checkpoints here uses it. `createDecoder` takes it like every other.';
  return used.map(({ title, type, file }) => `- [${title}](../../${file}), \`${type}\``).join('\n');
}

function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, count)) / 10));
  return `${Number((count / 1024 ** power).toPrecision(3))} ${units[power]}`;
}

function big(count: number): string {
  const [size, unit] =
    count >= 1e9 ? [1e9, ' G'] : count >= 1e6 ? [1e6, ' M'] : count >= 1e4 ? [1e3, ' k'] : [1, ''];
  return `${Number((count / size).toPrecision(3))}${unit}`;
}
