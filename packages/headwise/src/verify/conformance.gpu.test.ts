import type { Device } from '@headwise/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../devices.ts';
import { readCase } from './case.ts';
import { type CaseReport, verifyCase } from './verify.ts';

/** The conformance data beside the repository, as addresses; empty where there are none. */
const files = import.meta.glob<string>(
  '../../../../../shared/conformance/{onnx,numeric,torch}/**/*.safetensors',
  {
    query: '?url',
    import: 'default',
  },
);
const names = Object.keys(files);
if (names.length === 0) console.log('skipped: there is no folder shared/conformance beside the repository');

describe.skipIf(names.length === 0).each(['gpujs:webgl2', 'gpujs:webgpu', 'gpujs:webasm', 'wasm'])(
  'the ONNX, numeric and PyTorch cases on %s in a browser',
  (name) => {
    let device: Device;
    beforeAll(async () => {
      device = await openDevice(name);
    });
    afterAll(() => device.dispose());

    // one test a case: a software GPU takes seconds for many of them, and what fails has a name
    const skipped: CaseReport[] = [];
    it.each(names)('%s', async (file) => {
      const response = await fetch(await files[file]!());
      const testCase = readCase(file, new Uint8Array(await response.arrayBuffer()));
      const report = await verifyCase(testCase, device);
      if (report.status === 'skip') skipped.push(report);
      else expect(report).toMatchObject({ status: 'pass' });
    });

    it('refuses little, and that by name', () => {
      // what is refused is user code in modifiers, and operators without a softmax
      expect(skipped.filter(() => name !== 'wasm')).toEqual([]);
      expect(skipped.length).toBeLessThan(names.length / 4);
      expect(device.ran).toBeDefined();
      console.log(`${name} ran ${names.length} cases on ${device.ran}: ${JSON.stringify(device.details)}`);
    });
  },
);
