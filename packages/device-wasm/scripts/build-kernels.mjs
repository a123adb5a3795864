/**
 * Compiles `assembly/` twice, with and without relaxed SIMD, and writes both modules, packed, as base64 into
 * `src/generated/kernels.ts`: every bundler takes a module of text, none needs to know about assets.
 *
 * The two differ in their inner loops only. Dealt out in blocks in turn, so that the window of deflate (32 kB) sees the
 * same code of the other, both take 31 kB where one alone takes 26; base64 of the bare bytes would be 68 kB behind gzip.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
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

const BLOCK = 8192;
const blocks = Math.ceil(Math.max(flavours.simd128.length, flavours.relaxed.length) / BLOCK);
const dealt = Array.from({ length: blocks }, (_, i) =>
  [flavours.simd128, flavours.relaxed].map((bytes) => bytes.subarray(i * BLOCK, (i + 1) * BLOCK)),
);
const packed = deflateSync(Buffer.concat(dealt.flat()), { level: 9 });

mkdirSync(join(folder, 'src/generated'), { recursive: true });
writeFileSync(
  join(folder, 'src/generated/kernels.ts'),
  `/** Bytes of each module, which lie in blocks of ${BLOCK} in turn. */
export const sizes = { simd128: ${flavours.simd128.length}, relaxed: ${flavours.relaxed.length} } as const;
export const BLOCK = ${BLOCK};
export const packed =
  '${packed.toString('base64')}';
`,
);
for (const [name, bytes] of Object.entries(flavours)) console.log(`${name}: ${bytes.length} bytes`);
console.log(`both, packed: ${packed.length} bytes`);

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
