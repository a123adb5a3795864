import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevice } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { readCase } from '../case.ts';
import { verifyCase } from '../verify.ts';
import { positionalRunners } from './positional.ts';

const families = [
  'numeric/rope_scaling',
  'numeric/alibi',
  'numeric/alibi_slopes',
  'numeric/t5_buckets',
  'numeric/t5_attention',
  'numeric/shaw_relative',
  'numeric/sinusoidal',
  'onnx/RotaryEmbedding',
];
const folder = findShared('conformance');
if (!folder)
  console.log('positional conformance: skipped, there is no shared/conformance beside the repository');

describe.skipIf(!folder).each(['reference', 'gpujs:cpu', 'gpujs:webasm'])(
  'positional conformance on %s',
  (name) => {
    it.each(families)('%s', async (family) => {
      const files = readdirSync(join(folder!, family)).filter((file) => file.endsWith('.safetensors'));
      expect(files.length).toBeGreaterThan(1);
      const device = await createDevice(name);
      for (const file of files) {
        const testCase = readCase(file, readFileSync(join(folder!, family, file)));
        expect(positionalRunners[testCase.op], testCase.op).toBeTypeOf('function');
        const { status, reason } = await verifyCase(testCase, device);
        expect(status, `${family}/${file}: ${reason}`).toBe('pass');
      }
      device.dispose();
    });
  },
);

function findShared(path: string): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); dirname(at) !== at; at = dirname(at)) {
    const candidate = join(at, 'shared', path);
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
