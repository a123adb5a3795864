/**
 * `pnpm new variant sparse-sink`: the file, its test, its registry line and a changeset, which already compile and
 * run; what they compute is still that of their simplest relative, and the comments say what to fill in.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What one kind of thing is made of; `name` is kebab-case, `id` the same in camelCase. */
interface Kind {
  readonly package: string;
  /** Of the file, under the package's `src`. */
  readonly folder: string;
  readonly what: string;
  readonly source: (name: string, id: string) => string;
  readonly test: (name: string, id: string) => string;
  readonly importLine: (name: string, id: string) => string;
  readonly registryLine: (name: string, id: string) => string;
  /** The registry's map begins with this. */
  readonly map: string;
  readonly exportLine: (name: string, id: string) => string;
}

const year = new Date().getFullYear();

const kinds: Readonly<Record<string, Kind>> = {
  variant: {
    package: 'attention-variants',
    folder: 'variants',
    what: 'attention variant',
    map: 'export const variants = defineRegistry({',
    importLine: (name, id) => `import { ${id} } from './variants/${name}.ts';`,
    registryLine: (name, id) => `  '${name}': ${id},`,
    exportLine: (name, id) => `export { ${id} } from './variants/${name}.ts';`,
    source: (name, id) => `import { softmaxVariant } from '../softmax-variant.ts';

/**
 * What it is, and what it saves or costs.
 *
 * \`\`\`text
 * s = q · kᵀ / √D        the formula, with what differs from multi-head attention
 * \`\`\`
 *
 * @see Authors ${year}, "Title", section, {@link https://arxiv.org/abs/…}
 */
export const ${id} = softmaxVariant({
  name: '${name}',
  title: '${title(name)}',
  summary: 'What it saves or costs, in one sentence.',
  paper: { title: 'Title', authors: 'Authors', year: ${year} },
  defaults: {
    /** Key/value heads; \`undefined\` for as many as there are query heads. */
    Hkv: undefined as number | undefined,
    /** Query at position p sees keys at positions ≤ p. */
    causal: true,
    /** Multiplies the dot products; \`undefined\` for \`1 / √D\`. */
    scale: undefined as number | undefined,
  },
  // the declared parts of the score: window, sinkTokens, softcap, modifiers
  score: ({ causal, scale }) => ({ causal, scale }),
});
`,
    test: (name, id) => `import golden from '../../golden/${name}.json' with { type: 'json' };
import { checkVariant } from '../conformance/index.ts';
import { ${id} } from './${name}.ts';

// golden values come from elsewhere: a function in tooling/golden/attention.py, or another implementation
checkVariant(${id}, { golden });

// below: what is true of this variant only
`,
  },
  encoding: {
    package: 'positional',
    folder: 'encodings',
    what: 'position encoding',
    map: 'export const encodings = {',
    importLine: (name, id) => `import { ${id} } from './encodings/${name}.ts';`,
    registryLine: (name, id) => `  '${name}': ${id},`,
    exportLine: (name, id) => `export { ${id} } from './encodings/${name}.ts';`,
    source: (name, id) => `import { defineEncoding, type RotaryEncoding } from '../contract.ts';
import { createRotation, inverseFrequencies, type RotationOptions, rotationDefaults } from '../rotation.ts';

/**
 * What it does to a position.
 *
 * \`\`\`text
 * f_i = base^(−2i/R)        the formula, with what differs from rotary
 * \`\`\`
 *
 * @see Authors ${year}, "Title", {@link https://arxiv.org/abs/…}
 */
export const ${id} = /* @__PURE__ */ defineEncoding(
  {
    name: '${name}',
    title: '${title(name)}',
    kind: 'rotation',
    summary: 'What it does to a position, in one sentence.',
    paper: { title: 'Title', authors: 'Authors', year: ${year} },
  },
  rotationDefaults,
  ({ base = rotationDefaults.base, ...rest }: RotationOptions): RotaryEncoding =>
    createRotation({ name: '${name}', frequencies: (R) => inverseFrequencies(base, R) }, { base, ...rest }),
);
`,
    test: (name, id) => `import golden from '../../golden/${name}.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { ${id} } from './${name}.ts';

// golden values come from elsewhere: a function in tooling/golden/positional.py, or another implementation
checkEncoding(${id}, { golden });

// below: what is true of this encoding only
`,
  },
  filter: {
    package: 'sampling',
    folder: 'filters',
    what: 'filter of the sampler chain',
    map: 'export const filters = defineMap({',
    importLine: (name, id) => `import { ${id}Rule } from './filters/${name}.ts';`,
    registryLine: (name, id) => `  '${name}': ${id}Rule,`,
    exportLine: (name, id) => `export { ${id} } from './filters/${name}.ts';`,
    source: (name, id) => `import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * What it removes, and why.
 *
 * \`\`\`text
 * keep p_i ≥ …        the formula
 * \`\`\`
 *
 * @see Authors ${year}, "Title", {@link https://arxiv.org/abs/…}
 */
export function ${id}(m: number, options: KeepOptions = {}): Filter {
  checkNumber('${name}', 'm', m, { atLeast: 0, atMost: 1 }, '0 keeps every token');
  const minimum = checkKeep('${name}', options);
  return defineFilter({
    name: '${name}',
    options: { m, minTokensToKeep: minimum },
    apply(candidates) {
      if (m > 0) candidates.keepWithin(-Math.log(m), minimum);
    },
  });
}

export const ${id}Rule = defineRule({
  name: '${name}',
  formula: 'keep p ≥ …',
  source: { title: 'Title', authors: 'Authors', year: ${year}, url: 'https://arxiv.org/' },
  defaults: { m: 0.05, minTokensToKeep: 1 },
  build: ({ m, ...keep }) => ${id}(m, keep),
});
`,
    test: (name, id) => `import { checkSampler } from '../conformance/index.ts';
import { ${id} } from './${name}.ts';

checkSampler(() => ${id}(0.1));

// below: what is true of this filter only
`,
  },
};

const usage = `usage: pnpm new <${Object.keys(kinds).join(' | ')}> <name-in-kebab-case>

Writes the file, its test, its registry line and a changeset. A cache is a class over BaseCache and differs too
much for a template: begin with packages/kv-cache/src/caches/contiguous.ts.`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' }, root: { type: 'string' } },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const [kindName = '', name = ''] = positionals;
const kind = kinds[kindName];
if (!kind || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
  console.error(usage);
  process.exit(2);
}
write(kind, name);

function write(made: Kind, fileName: string): void {
  const root = values.root ?? fileURLToPath(new URL('..', import.meta.url));
  const id = fileName.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const src = join(root, 'packages', made.package, 'src');
  const file = join(src, made.folder, `${fileName}.ts`);
  if (existsSync(file)) {
    console.error(`pnpm new: ${file} is there already; choose another name`);
    process.exit(1);
  }
  writeFileSync(file, made.source(fileName, id));
  writeFileSync(join(src, made.folder, `${fileName}.test.ts`), made.test(fileName, id));
  insertBefore(
    join(src, 'registry.ts'),
    made.map,
    made.importLine(fileName, id),
    made.registryLine(fileName, id),
  );
  const index = join(src, 'index.ts');
  writeFileSync(index, `${readFileSync(index, 'utf8')}${made.exportLine(fileName, id)}\n`);
  writeFileSync(
    join(root, '.changeset', `${fileName}.md`),
    `---\n"@headwise/${made.package}": minor\n---\n\nA new ${made.what}, \`${id}\`: what people can now do, in one sentence.\n`,
  );
  console.log(`wrote packages/${made.package}/src/${made.folder}/${fileName}.ts, its test, its lines in registry.ts and
index.ts, and .changeset/${fileName}.md. Next: fill in the story, then
  pnpm exec biome check --write packages/${made.package} && pnpm test:node packages/${made.package}/src/${made.folder}/${fileName}`);
}

/** The import goes above the first line that is no import, the entry to the end of the map. */
function insertBefore(path: string, map: string, importLine: string, entry: string): void {
  const text = readFileSync(path, 'utf8');
  const start = text.indexOf(map);
  const end = text.indexOf('\n}', start);
  if (start < 0 || end < 0) throw new Error(`${path}: no map that begins with "${map}"`);
  const withEntry = `${text.slice(0, end)}\n${entry}${text.slice(end)}`;
  const lastImport = withEntry.lastIndexOf('\nimport ');
  const at = withEntry.indexOf('\n', withEntry.indexOf("from '", lastImport));
  writeFileSync(path, `${withEntry.slice(0, at)}\n${importLine}${withEntry.slice(at)}`);
}

function title(fileName: string): string {
  const words = fileName.replaceAll('-', ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}
