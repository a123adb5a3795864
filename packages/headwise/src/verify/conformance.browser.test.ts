import type { Device } from '@headwise/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../devices.ts';
import { readCase } from './case.ts';
import { type CaseReport, verifyCase } from './verify.ts';

/** The conformance data beside the repository, as addresses; empty where there are none. */
const files = import.meta.glob<string>('../../../../../shared/conformance/onnx/**/*.safetensors', {
  query: '?url',
  import: 'default',
});
const names = Object.keys(files);
if (names.length === 0)
  console.log('skipped: there is no folder shared/conformance/onnx beside the repository');

/** Operators out of scope; every other case must pass. */
const outOfScope = ['LinearAttention', 'FlexAttention'];

describe.skipIf(names.length === 0).each(['gpujs:webgl2', 'gpujs:webgpu', 'gpujs:webasm', 'wasm'])(
  'the ONNX cases on %s in a browser',
  (name) => {
    let device: Device;
    beforeAll(async () => {
      device = await openDevice(name);
    });
    afterAll(() => device.dispose());

    it('pass', async () => {
      const reports: CaseReport[] = [];
      for (const file of names) {
        const response = await fetch(await files[file]!());
        reports.push(await verifyCase(readCase(file, new Uint8Array(await response.arrayBuffer())), device));
      }
      expect(reports.filter(({ status }) => status === 'fail')).toEqual([]);
      expect(reports.filter(({ status, op }) => status === 'skip' && !outOfScope.includes(op))).toEqual([]);
      expect(device.ran).toBeDefined();
      console.log(`${name} ran ${reports.length} cases on ${device.ran}: ${JSON.stringify(device.details)}`);
    });
  },
);
