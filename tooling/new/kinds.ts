import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { titleOf, variantSource, variantTest } from '../../packages/headwise/src/new/variant-template.ts';
import { type Kind, registered } from './kind.ts';

const year = new Date().getFullYear();
const tell = 'the story: what it is, the formula, the paper';

const variant: Kind = {
  what: 'attention variant',
  package: () => '@headwise/attention-variants',
  files: (name) => ({
    [`packages/attention-variants/src/variants/${name}.ts`]: variantSource(name, '../softmax-variant.ts'),
    [`packages/attention-variants/src/variants/${name}.test.ts`]: variantTest(name, {
      kit: '../conformance/index.ts',
      variant: `./${name}.ts`,
      golden: `../../golden/${name}.json`,
    }),
  }),
  edits: (name, id) =>
    registered({
      package: 'attention-variants',
      folder: 'variants',
      name,
      entry: id,
      exported: id,
      map: 'export const variants = defineRegistry({',
    }),
  left: (name) => [
    tell,
    `packages/attention-variants/golden/${name}.json: values of another program (docs/write-a-variant.md has the format)`,
  ],
};

const encoding: Kind = {
  what: 'position encoding',
  package: () => '@headwise/positional',
  files: (name, id) => ({
    [`packages/positional/src/encodings/${name}.ts`]: `import { defineEncoding, type RotaryEncoding } from '../contract.ts';
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
    title: '${titleOf(name)}',
    kind: 'rotation',
    summary: 'What it does to a position, in one sentence.',
    paper: { title: 'Title', authors: 'Authors', year: ${year}, url: 'https://arxiv.org/' },
  },
  rotationDefaults,
  ({ base = rotationDefaults.base, ...rest }: RotationOptions): RotaryEncoding =>
    createRotation({ name: '${name}', frequencies: (R) => inverseFrequencies(base, R) }, { base, ...rest }),
);
`,
    [`packages/positional/src/encodings/${name}.test.ts`]: `import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkEncoding } from '../conformance/index.ts';
import { ${id} } from './${name}.ts';

// values that another program computed: a function in tooling/golden/positional.py, another library
const file = new URL('../../golden/${name}.json', import.meta.url);
const golden = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;

// a law alone does not see a wrong sign or base: the kit begins with the first golden case
if (golden) checkEncoding(${id}, { golden });

it('is finished', () => {
  const { summary, paper } = ${id}.about;
  const left = {
    'summary: what it does to a position': summary === 'What it does to a position, in one sentence.',
    'paper: title, authors, year, arXiv number': paper.title === 'Title',
    'golden case: ../../golden/${name}.json, values of another program': golden === undefined,
  };
  const open = Object.keys(left).filter((what) => left[what as keyof typeof left]);
  expect(open, ['left:', ...open].join('\\n  ')).toEqual([]);
});

// below: what is true of this encoding only
`,
  }),
  edits: (name, id) =>
    registered({
      package: 'positional',
      folder: 'encodings',
      name,
      entry: id,
      exported: id,
      map: 'export const encodings = {',
    }),
  left: (name) => [tell, `packages/positional/golden/${name}.json: values of another program`],
};

const filter: Kind = {
  what: 'filter of the sampler chain',
  package: () => '@headwise/sampling',
  files: (name, id) => ({
    [`packages/sampling/src/filters/${name}.ts`]: `import { defineFilter, defineRule, type Filter } from '../contract.ts';
import { checkNumber } from '../errors.ts';
import { checkKeep, type KeepOptions } from './keep.ts';

/**
 * What it removes, and why.
 *
 * \`\`\`text
 * keep p_i ≥ …        the formula
 * \`\`\`
 *
 * @throws {SamplingError} if m is not between 0 and 1.
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
    [`packages/sampling/src/filters/${name}.test.ts`]: `import { expect, it } from 'vitest';
import { checkSampler } from '../conformance/index.ts';
import { ${id}, ${id}Rule } from './${name}.ts';

checkSampler(() => ${id}(0.1));

it('is finished', () => {
  const { formula, source } = ${id}Rule;
  const left = {
    'formula: which tokens it keeps': formula.includes('…'),
    'source: title, authors, year, address': source.title === 'Title',
  };
  const open = Object.keys(left).filter((what) => left[what as keyof typeof left]);
  expect(open, ['left:', ...open].join('\\n  ')).toEqual([]);
});

// below: what is true of this filter only
`,
  }),
  edits: (name, id) =>
    registered({
      package: 'sampling',
      folder: 'filters',
      name,
      entry: `${id}Rule`,
      exported: id,
      map: 'export const filters = defineMap({',
    }),
  left: () => [tell],
};

const cache: Kind = {
  what: 'cache',
  package: () => '@headwise/kv-cache',
  files(name, id, root) {
    const Name = id[0]!.toUpperCase() + id.slice(1);
    // the simplest of them is the beginning of every other
    const simplest = readFileSync(join(root, 'packages/kv-cache/src/caches/contiguous.ts'), 'utf8');
    const source = simplest
      .replace(
        /\/\*\*\n \* Everything, in order[\s\S]*? \*\/\n/,
        '/**\n * What it keeps and what it forgets; what lies in which slot.\n */\n',
      )
      .replace(/title: '.*'/, `title: '${titleOf(name)}, a cache'`)
      .replace(/summary: '.*'/, "summary: 'What it keeps and what that saves, in one sentence.'")
      .replaceAll('createContiguous', `create${Name}`)
      .replaceAll('ContiguousCache', `${Name}Cache`)
      .replace('export const contiguous', `export const ${id}`)
      .replaceAll("'contiguous", `'${name}`);
    return {
      [`packages/kv-cache/src/caches/${name}.ts`]: source,
      [`packages/kv-cache/src/caches/${name}.test.ts`]: `import { expect, it } from 'vitest';
import { checkCache } from '../conformance/index.ts';
import { create${Name}, ${id} } from './${name}.ts';

checkCache('${name}', { create: create${Name} });

it('is finished', () => {
  expect(${id}.summary).not.toBe('What it keeps and what that saves, in one sentence.');
});

// below: what is true of this cache only
`,
    };
  },
  edits(name, id) {
    const Name = id[0]!.toUpperCase() + id.slice(1);
    return [
      ...registered({
        package: 'kv-cache',
        folder: 'caches',
        name,
        entry: id,
        exported: `create${Name}, ${id}`,
        map: 'export const caches = defineCaches({',
      }),
      {
        file: 'packages/kv-cache/README.md',
        at: { table: '| cache ' },
        line: `| [\`${name}\`](src/caches/${name}.ts) | every token, in order | yes |`,
      },
    ];
  },
  left: () => [tell, 'packages/kv-cache/README.md: its line of the table'],
};

const family: Kind = {
  what: 'model family',
  package: () => '@headwise/models',
  files(name, id, root) {
    const nearest = readFileSync(join(root, 'packages/models/src/families/llama.ts'), 'utf8');
    const source = nearest
      .replace(
        /\/\*\*\n \* Llama 1[\s\S]*? \*\/\n/,
        `/**\n * What differs from Llama, and in which config field it stands.\n *\n * @see Authors ${year}, "Title", {@link https://arxiv.org/abs/…}\n */\n`,
      )
      .replace('export const llama', `export const ${id}`)
      .replace("name: 'llama'", `name: '${name}'`)
      .replace("title: 'Llama'", `title: '${titleOf(name)}'`)
      .replace(/paper: \{[\s\S]*?\n {2}\},/, `paper: { title: 'Title', authors: 'Authors', year: ${year} },`)
      .replace("'LlamaForCausalLM'", `'${id[0]!.toUpperCase()}${id.slice(1)}ForCausalLM'`);
    return {
      [`packages/models/src/families/${name}.ts`]: source,
      [`packages/models/src/families/${name}.test.ts`]: `import { expect, it } from 'vitest';
import { checkFamily } from '../testing/family.ts';
import { ${id} } from './${name}.ts';

// a tiny checkpoint of this family with what transformers computes from it, beside the others
checkFamily(${id}, '${name}');

it('is finished', () => {
  expect(${id}.paper.title).not.toBe('Title');
});
`,
    };
  },
  edits: (name, id) =>
    registered({
      package: 'models',
      folder: 'families',
      name,
      entry: id,
      exported: undefined,
      map: 'export const families: ',
    }),
  left: (name) => [
    tell,
    `conformance/models/tiny/${name}: a checkpoint with golden outputs, from transformers`,
  ],
};

/** Names of the operations of the tensor package, a line each. */
function operationsIn(root: string): string {
  const folder = join(root, 'packages/tensor/src/ops');
  const files = readdirSync(folder).filter((file) => /^[\w-]+(?<!\.test)\.ts$/.test(file));
  const names = files.flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(/Op = defineOp[\s\S]*?\n {2}name: '(\w+)'/g)].map((match) => match[1]!);
  });
  return [...new Set(names)].map((name) => `  '${name}',`).join('\n');
}

const device: Kind = {
  what: 'device',
  package: (name) => `@headwise/device-${name}`,
  files(name, id, root) {
    const Name = id[0]!.toUpperCase() + id.slice(1);
    const folder = `packages/device-${name}`;
    const manifest = JSON.parse(readFileSync(join(root, 'packages/device-wasm/package.json'), 'utf8'));
    const { assemblyscript: _, ...devDependencies } = manifest.devDependencies;
    const own = {
      ...manifest,
      name: `@headwise/device-${name}`,
      description: 'Where it computes, and what it is good at.',
      repository: { ...manifest.repository, directory: folder },
      files: ['dist'],
      scripts: { ...manifest.scripts, build: 'tsup' },
      devDependencies,
    };
    // the oracle is the slowest device that is right: a beginning that passes the kit
    const source = readFileSync(join(root, 'packages/tensor/src/device/reference.ts'), 'utf8')
      .replace(
        /^import [\s\S]*?from '\.\/memory\.ts';\n/,
        `import {
  checkWrite,
  type Device,
  type DeviceBuffer,
  DeviceError,
  type DeviceFactory,
  type DType,
  type HostArray,
  type MemoryCounters,
  MemoryLedger,
  type Op,
  type OpCall,
} from '@headwise/tensor';
`,
      )
      .replace(
        /\/\*\*\n \* The oracle:[\s\S]*? \*\/\n/,
        '/** Where it computes, and what it is good at. Never throws. */\n',
      )
      .replaceAll('ReferenceDevice', `${Name}Device`)
      .replaceAll('createReference', `create${Name}`)
      .replaceAll("'reference'", `'${name}'`)
      .replace("engine: 'plain loops, float64'", "engine: 'what computes'")
      .replace(
        '  supports(): readonly string[] {\n    return [];\n',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code
        '  supports({ name }: Op): readonly string[] {\n    return computed.has(name) ? [] : [`it has no kernel for ${name}`];\n',
      );
    return {
      [`${folder}/package.json`]: `${JSON.stringify(own, null, 2)}\n`,
      [`${folder}/tsup.config.ts`]:
        "import { preset } from '../../tooling/tsup.preset.ts';\n\nexport default preset(['src/index.ts']);\n",
      [`${folder}/README.md`]: `# @headwise/device-${name}

> Where it computes, and what it is good at.

\`\`\`sh
npm install @headwise/device-${name} @headwise/tensor
\`\`\`

\`createDevice('${name}', { devices: [${id}] })\`. Layers: [ARCHITECTURE.md](../../ARCHITECTURE.md). MIT.
`,
      [`${folder}/src/index.ts`]: `export { create${Name}, ${id} } from './device.ts';\n`,
      [`${folder}/src/device.ts`]: `${source}
/** What it computes, by name: here all, by the float64 references. What is missing is composed of others. */
const computed: ReadonlySet<string> = new Set([
${operationsIn(root)}
]);

/** The device as a value, for \`createDevice\` and the kits. \`preference\` says when \`auto\` takes it. */
export const ${id}: DeviceFactory = { name: '${name}', create: async () => create${Name}() };
`,
      [`${folder}/src/conformance.test.ts`]: `import { checkDevice } from '@headwise/tensor/testing';
import { create${Name} } from './device.ts';

checkDevice('${name}', async () => create${Name}());
`,
    };
  },
  edits: (name) => [
    {
      file: 'tooling/check-layers.ts',
      at: { map: 'const mayImport: ' },
      line: `  '@headwise/device-${name}': ['@headwise/tensor'],`,
    },
    {
      file: 'tooling/check-docs.ts',
      at: { map: 'const held: readonly string[] = [' },
      line: `  'device-${name}',`,
    },
  ],
  left: (name) => [
    `kernels: packages/device-${name}/src/device.ts computes by the float64 references; supports() says what it cannot`,
    'node scripts/with-pnpm.mjs install: the workspace has a new package',
  ],
};

export const kinds: Readonly<Record<string, Kind>> = { variant, encoding, cache, filter, family, device };
