/**
 * The documentation site, offline: pages of the variants and the reference of everything public are written into `docs/`
 * (ignored by git), the playground is built beside them, VitePress makes the site.
 *
 *   npm run docs                 docs/.vitepress/dist, and no link in it leads nowhere
 *   npm run docs -- dev          served, and follows changes of the guides
 *   npm run docs -- preview      what was built
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv, exit } from 'node:process';
import { fileURLToPath } from 'node:url';
import { build as buildApp } from 'vite';
import { build as buildSite, createServer, serve } from 'vitepress';
import { writeApi } from './api.ts';
import { deadLinks, htmlFiles } from './links.ts';
import { variantPages } from './variant-page.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = join(root, 'docs');
const site = join(docs, '.vitepress/dist');
const base = process.env.DOCS_BASE ?? '/';

const [task = 'build'] = argv.slice(2);
if (!['build', 'dev', 'preview'].includes(task)) {
  console.error(`docs: there is no task ${task}; there are build, dev, preview`);
  exit(2);
}

if (task !== 'preview') {
  await timed('variants', writeVariants);
  await timed('reference', () => writeApi(join(docs, 'api')));
  await timed('playground', buildPlayground);
}
if (task === 'dev') {
  const server = await createServer(docs);
  await server.listen();
  server.printUrls();
} else if (task === 'preview') await serve({ root: docs, base });
else {
  await timed('site', () => buildSite(docs));
  const dead = deadLinks(site, root, base);
  for (const line of dead) console.error(`docs: ${line}`);
  console.log(
    `docs: ${htmlFiles(site).length} pages in docs/.vitepress/dist, ${dead.length} links that lead nowhere`,
  );
  exit(dead.length > 0 ? 1 : 0);
}

async function writeVariants(): Promise<void> {
  rmSync(join(docs, 'variants'), { recursive: true, force: true });
  for (const { path, text } of await variantPages()) {
    mkdirSync(dirname(join(docs, path)), { recursive: true });
    writeFileSync(join(docs, path), text);
  }
}

/** Into the folder of static files, so that it is there while pages are written too. */
async function buildPlayground(): Promise<void> {
  await buildApp({
    root: join(root, 'apps/playground'),
    logLevel: 'error',
    build: { outDir: join(docs, 'public/playground'), emptyOutDir: true },
  });
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await work();
  console.log(`docs: ${what}, ${((performance.now() - started) / 1000).toFixed(0)} s`);
}
