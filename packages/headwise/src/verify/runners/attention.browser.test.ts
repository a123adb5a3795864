import { createDevice, type Device } from '@headwise/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCase } from '../case.ts';
import { type CaseReport, verifyCase } from '../verify.ts';
import { attentionRunners } from './attention.ts';

/** The conformance data beside the repository, as addresses; empty where there are none. */
const files = import.meta.glob<string>(
  [
    '../../../../../../shared/conformance/onnx/{FlexAttention,LinearAttention}/*.safetensors',
    '../../../../../../shared/conformance/numeric/**/*.safetensors',
    '../../../../../../shared/conformance/torch/**/*.safetensors',
  ],
  { query: '?url', import: 'default' },
);
const names = Object.keys(files);
if (names.length === 0) console.log('skipped: there is no folder shared/conformance beside the repository');

describe.skipIf(names.length === 0).each(['gpujs:webgl2', 'gpujs:webgpu'])(
  'attention conformance on %s',
  (name) => {
    let device: Device;
    beforeAll(async () => {
      device = await createDevice(name);
    });
    afterAll(() => device.dispose());

    it('passes every numeric and PyTorch case, and the ONNX operators of attention', {
      timeout: 300_000,
    }, async () => {
      const reports: CaseReport[] = [];
      for (const file of names) {
        const response = await fetch(await files[file]!());
        const testCase = readCase(file, new Uint8Array(await response.arrayBuffer()));
        if (testCase.op in attentionRunners) reports.push(await verifyCase(testCase, device));
      }
      expect(reports.filter(({ status }) => status !== 'pass')).toEqual([]);
      expect(reports.length).toBeGreaterThan(50);
      expect(device.ran).toBe(name.slice('gpujs:'.length));
    });
  },
);
