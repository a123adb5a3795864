import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openDevice } from '../../devices.ts';
import { readCase } from '../case.ts';
import { compareOutputs } from '../compare.ts';
import { cacheRunners } from './caches.ts';

const families = [
  'onnx/Attention',
  'numeric/sliding_window',
  'numeric/attention_sinks',
  'numeric/gqa_decode',
  'numeric/mla',
];
const folder = findShared('conformance');
if (!folder) console.log('cache conformance: skipped, there is no shared/conformance beside the repository');

describe.skipIf(!folder).each(['reference', 'gpujs:cpu', 'gpujs:webasm', 'wasm'])(
  'conformance through caches on %s',
  (name) => {
    it.each(families)('%s', async (family) => {
      const files = readdirSync(join(folder!, family)).filter((file) => file.endsWith('.safetensors'));
      expect(files.length).toBeGreaterThan(2);
      const device = await openDevice(name);
      for (const file of files) {
        const testCase = readCase(file, readFileSync(join(folder!, family, file)));
        const { problem } = compareOutputs(testCase, await cacheRunners[testCase.op]!(testCase, device));
        expect(problem, `${family}/${file}`).toBeUndefined();
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
