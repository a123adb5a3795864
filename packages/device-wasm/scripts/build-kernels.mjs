/**
 * Compiles `assembly/` twice, with and without relaxed SIMD, and writes both modules as base64 into
 * `src/generated/kernels.ts`: every bundler takes a module of text, none needs to know about assets.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { microKernels } from './micro-kernels.mjs';

const folder = fileURLToPath(new URL('..', import.meta.url));
const tileKeys = Number(
  /keys = (\d+)/.exec(readFileSync(join(folder, 'assembly/kernel-list.ts'), 'utf8'))[1],
);

const flavours = {
  simd128: await compile({ rows: 4, flags: [] }),
  relaxed: await compile({ rows: 6, flags: ['--enable', 'relaxed-simd'] }),
};

mkdirSync(join(folder, 'src/generated'), { recursive: true });
writeFileSync(
  join(folder, 'src/generated/kernels.ts'),
  `${Object.entries(flavours)
    .map(([name, bytes]) => `export const ${name} =\n  '${Buffer.from(bytes).toString('base64')}';`)
    .join('\n')}\n`,
);
for (const [name, bytes] of Object.entries(flavours)) console.log(`${name}: ${bytes.length} bytes`);

async function compile({ rows, flags }) {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'assembly/index.ts',
      ...['--outFile', 'kernels.wasm', '-O3', '--converge', '--noAssert', '--runtime', 'stub'],
      ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
      ...['--memoryBase', '4096', '--enable', 'simd', '--enable', 'threads', ...flags],
    ],
    {
      readFile: (name) => {
        if (name === 'assembly/micro.ts') return microKernels({ tileKeys, rows });
        try {
          return readFileSync(join(folder, name), 'utf8');
        } catch {
          return null;
        }
      },
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) binary = contents;
      },
    },
  );
  if (error) throw new Error(`AssemblyScript: ${error.message}\n${stderr}`);
  return binary;
}
