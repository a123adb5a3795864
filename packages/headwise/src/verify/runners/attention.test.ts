import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevice, type Device } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import { readCase } from '../case.ts';
import { compareOutputs } from '../compare.ts';
import type { Runner, VerifyCase } from '../contract.ts';
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
        const run = (): ReturnType<Runner> => attentionRunners[testCase.op]!(testCase, device);
        if (isUserCode(device, testCase)) {
          await expect(run(), `${family}/${file}`).rejects.toThrow('modifier is user code');
          continue;
        }
        const { problem } = compareOutputs(testCase, await run());
        expect(problem, `${family}/${file}`).toBeUndefined();
      }
      device.dispose();
    });
  },
);

/** A score or mask written by a user, on a device that has only its own. */
function isUserCode(device: Device, { op, name }: VerifyCase): boolean {
  return device.name === 'wasm' && op === 'FlexAttention' && /score_mod|causal_mask/.test(name);
}

function findShared(path: string): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); dirname(at) !== at; at = dirname(at)) {
    const candidate = join(at, 'shared', path);
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
