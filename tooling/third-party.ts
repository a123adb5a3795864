import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Options } from 'tsup';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/** Licence and notice of each package of others whose code a bundle carries, in one file beside it. */
export function thirdParty(file: string): Plugin {
  return {
    name: 'third-party',
    setup(build) {
      build.initialOptions.metafile = true;
      build.onEnd(({ metafile }) => {
        if (!metafile) return;
        const folders = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolder(path) ?? []));
        const texts = [...folders].sort().map(licenceOf);
        if (texts.length === 0) return;
        // the first build of all writes this before its own files
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, texts.join(`\n${'-'.repeat(80)}\n\n`));
      });
    },
  };
}

/** `…/node_modules/zrender` of a file somewhere in it. */
function packageFolder(path: string): string | undefined {
  return /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(path)?.[0];
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  // echarts has a folder of further ones
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.slice(folder.length).includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => /^(licen[cs]es?([\\/]|[.-]|$)|copying|notice)/i.test(path))
    .sort();
  if (!files.some((path) => /^(licen[cs]e|copying)/i.test(path)))
    throw new Error(`${name} ${version} would be carried without its licence: ${folder} has no such file`);
  const texts = files.map((path) => readFileSync(join(folder, path), 'utf8').trim());
  return `${name} ${version}, ${license}\n\n${texts.join('\n\n')}\n`;
}
