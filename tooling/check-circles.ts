/**
 * Refuses files that import each other in a circle, by types too: a circle is two files that cannot be read one after
 * the other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['packages', 'apps', 'benchmarks', 'tooling'].map((name) => join(root, name));
const files = folders.flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/[\\/](node_modules|dist)[\\/]/.test(file)),
);
const known = new Set(files);
const imports = new Map(files.map((file) => [file, importsOf(file)]));

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const named = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)];
  return named.map(([, path]) => resolve(dirname(file), path!)).filter((path) => known.has(path));
}

/** Tarjan 1972: files that reach each other are one component. */
function circles(): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    open.push(file);
    for (const next of imports.get(file)!) {
      if (!order.has(next)) visit(next);
      if (open.includes(next)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(next)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const component = open.splice(open.indexOf(file));
    if (component.length > 1) found.push(component);
  };
  for (const file of files) if (!order.has(file)) visit(file);
  return found;
}

const found = circles();
for (const component of found) {
  console.error('circle:');
  for (const file of component) console.error(`  ${relative(root, file)}`);
}
if (found.length > 0) {
  console.error('Move what both need into a file of its own.');
  process.exit(1);
}
console.log(`${files.length} files, no circle`);
