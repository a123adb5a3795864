import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevice } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { readCase } from '../case.ts';
import { compareOutputs } from '../compare.ts';
import { attentionRunners } from './attention.ts';

const families = [
  'onnx/Attention',
  'onnx/FlexAttention',
  'onnx/LinearAttention',
  'numeric/sliding_window',
  'numeric/attention_sinks',
  'numeric/attention_extra',
  'numeric/cross_attention',
  'numeric/additive_attention',
  'numeric/multiplicative_attention',
  'numeric/differential_attention',
  'numeric/linear_attention_elu',
  'numeric/mla',
  'numeric/gqa_decode',
  'torch/attention_gradients',
  'torch/multihead_attention',
  'torch/encoder',
  'torch/decoder_layer',
];
const folder = findShared('conformance');
if (!folder)
  console.log('attention conformance: skipped, there is no shared/conformance beside the repository');

describe.skipIf(!folder).each(['reference', 'gpujs:cpu', 'gpujs:webasm', 'wasm'])(
  'attention conformance on %s',
  (name) => {
    it.each(families)('%s', async (family) => {
      const files = readdirSync(join(folder!, family)).filter((file) => file.endsWith('.safetensors'));
      expect(files.length).toBeGreaterThan(0);
      const device = await createDevice(name);
      for (const file of files) {
        const testCase = readCase(file, readFileSync(join(folder!, family, file)));
        const { problem } = compareOutputs(testCase, await attentionRunners[testCase.op]!(testCase, device));
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
