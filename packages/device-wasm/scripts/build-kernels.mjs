/**
 * Compiles `assembly/` twice, with and without relaxed SIMD, and writes both modules, packed, as base64 into
 * `src/generated/kernels.ts`: every bundler takes a module of text, none needs to know about assets. And the same of the
 * light kernels, those of `light-kernels.mjs`, into `src/generated/light-kernels.ts`.
 *
 * The two differ in their inner loops only. Dealt out in blocks in turn, so that the window of deflate (32 kB) sees the
 * same code of the other, both take 31 kB where one alone takes 26; base64 of the bare bytes would be 68 kB behind gzip.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import asc from 'assemblyscript/asc';
import { integerKernels } from './integer-kernels.mjs';
import { lightened } from './light-kernels.mjs';
import { microKernels } from './micro-kernels.mjs';

const folder = fileURLToPath(new URL('..', import.meta.url));
const tileKeys = Number(
  /keys = (\d+)/.exec(readFileSync(join(folder, 'assembly/kernel-list.ts'), 'utf8'))[1],
);

const BLOCK = 8192;
mkdirSync(join(folder, 'src/generated'), { recursive: true });
await write('kernels', (_, text) => text);
await write('light-kernels', lightened);

/**
 * @param {string} name of the file
 * @param {(file: string, text: string) => string} change what becomes of a file of `assembly/`
 */
async function write(name, change) {
  const flavours = {
    simd128: await compile({ rows: 4, flags: [], change }),
    relaxed: await compile({ rows: 6, flags: ['--enable', 'relaxed-simd'], change }),
  };
  const blocks = Math.ceil(Math.max(flavours.simd128.length, flavours.relaxed.length) / BLOCK);
  const dealt = Array.from({ length: blocks }, (_, i) =>
    [flavours.simd128, flavours.relaxed].map((bytes) => bytes.subarray(i * BLOCK, (i + 1) * BLOCK)),
  );
  const packed = deflateSync(Buffer.concat(dealt.flat()), { level: 9 });
  writeFileSync(
    join(folder, `src/generated/${name}.ts`),
    `/** Bytes of each module, which lie in blocks of ${BLOCK} in turn. */
export const sizes = { simd128: ${flavours.simd128.length}, relaxed: ${flavours.relaxed.length} } as const;
export const BLOCK = ${BLOCK};
export const packed =
  '${packed.toString('base64')}';
`,
  );
  for (const [flavour, bytes] of Object.entries(flavours))
    console.log(`${name}, ${flavour}: ${bytes.length} bytes`);
  console.log(`${name}, both, packed: ${packed.length} bytes`);
}

async function compile({ rows, flags, change }) {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'assembly/index.ts',
      ...['--outFile', 'kernels.wasm', '-O3', '--converge', '--noAssert', '--runtime', 'stub'],
      ...[
        '--importMemory',
        '--exportTable',
        '--sharedMemory',
        '--initialMemory',
        '1',
        '--maximumMemory',
        '65536',
      ],
      ...['--memoryBase', '4096', '--enable', 'simd', '--enable', 'threads', ...flags],
    ],
    {
      readFile: (name) => {
        if (name === 'assembly/micro.ts') return microKernels({ tileKeys, rows });
        if (name === 'assembly/integer-blocks.ts')
          return integerKernels({ simd: flags.length > 0 ? 'relaxed' : 'simd128' });
        try {
          return change(name, readFileSync(join(folder, name), 'utf8'));
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
