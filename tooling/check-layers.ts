/**
 * Refuses an import that is not in the layer figure of ARCHITECTURE.md: in a package.json, and in any source
 * file (an undeclared import would otherwise resolve through the workspace by luck).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each workspace package may import. Tests may also use `testing` subpaths of the packages listed here. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  '@headwise/tensor': [],
  '@headwise/attention-variants': ['@headwise/tensor'],
  '@headwise/positional': ['@headwise/tensor'],
  '@headwise/kv-cache': ['@headwise/tensor'],
  '@headwise/sampling': [],
  '@headwise/device-wasm': ['@headwise/tensor'],
  '@headwise/models': [
    '@headwise/tensor',
    '@headwise/attention-variants',
    '@headwise/positional',
    '@headwise/kv-cache',
    '@headwise/sampling',
  ],
  '@headwise/training': [
    '@headwise/tensor',
    '@headwise/kv-cache',
    '@headwise/models',
    // of its tests
    '@headwise/attention-variants',
    '@headwise/positional',
    '@headwise/device-wasm',
  ],
  headwise: [
    '@headwise/training',
    '@headwise/tensor',
    '@headwise/attention-variants',
    '@headwise/positional',
    '@headwise/kv-cache',
    '@headwise/sampling',
    '@headwise/models',
    '@headwise/device-wasm',
    // carried in the bundle: `headwise bench`
    'benchmarks',
  ],
};
/** Packages that are found at run time where they are installed, and never imported: optional peers. */
const mayFind: Readonly<Record<string, readonly string[]>> = {
  '@headwise/tensor': ['@headwise/device-wasm'],
};
const everything = [...Object.keys(mayImport)];
const privatePackages: Readonly<Record<string, readonly string[]>> = {
  benchmarks: everything,
  playground: [...everything, 'benchmarks'],
};

const folders = [
  ...readdirSync(join(root, 'packages')).map((name) => join('packages', name)),
  ...readdirSync(join(root, 'apps')).map((name) => join('apps', name)),
  'benchmarks',
];

const problems: string[] = [];
for (const folder of folders) {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const allowed = mayImport[manifest.name] ?? privatePackages[manifest.name];
  if (!allowed) {
    problems.push(
      `${folder}: package "${manifest.name}" is not in the layer figure; add it to tooling/check-layers.ts`,
    );
    continue;
  }
  for (const kind of ['dependencies', 'devDependencies', 'peerDependencies']) {
    for (const name of Object.keys(manifest[kind] ?? {})) {
      const found = kind === 'peerDependencies' && mayFind[manifest.name]?.includes(name);
      if (found && manifest.peerDependenciesMeta?.[name]?.optional === true) continue;
      if (isOurs(name) && !allowed.includes(name)) {
        problems.push(
          `${folder}/package.json: ${kind} names ${name}, a layer that ${manifest.name} must not import`,
        );
      }
    }
  }
  for (const name of mayFind[manifest.name] ?? []) {
    if (manifest.peerDependenciesMeta?.[name]?.optional !== true || !manifest.peerDependencies?.[name])
      problems.push(
        `${folder}/package.json: ${name} must be an optional peer, or strict layouts do not find it`,
      );
  }
  for (const file of sources(join(root, folder))) {
    for (const name of importedPackages(readFileSync(file, 'utf8'))) {
      if (isOurs(name) && name !== manifest.name && !allowed.includes(name)) {
        problems.push(
          `${relative(root, file)}: imports ${name}, a layer that ${manifest.name} must not import`,
        );
      }
    }
    for (const path of crossings(readFileSync(file, 'utf8'))) {
      problems.push(
        `${relative(root, file)}: reaches into another package by path (${path}); import its name`,
      );
    }
  }
}

if (problems.length > 0) {
  console.error(problems.join('\n'));
  console.error(`\n${problems.length} imports cross a layer. The figure is in ARCHITECTURE.md.`);
  process.exit(1);
}
console.log(`layers: ${folders.length} packages, no import crosses a layer`);

function isOurs(name: string): boolean {
  return name in mayImport || name in privatePackages;
}

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['node_modules', 'dist', 'generated', '.turbo'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.(ts|tsx|mts|mjs|svelte)$/.test(entry.name)) yield path;
  }
}

function importedPackages(source: string): string[] {
  const found = source.matchAll(
    /(?:from|import|require)\s*\(?\s*['"]((?:@headwise\/[a-z-]+)|headwise|benchmarks|playground)(?:\/[^'"]*)?['"]/g,
  );
  return [...found].map((match) => match[1]!);
}

function crossings(source: string): string[] {
  return [...source.matchAll(/from\s+['"]((?:\.\.\/)+(?:packages|apps|benchmarks)\/[^'"]+)['"]/g)].map(
    (m) => m[1]!,
  );
}
