import { expect, it } from 'vitest';
import { json } from '../testing/run.ts';
import { sharedFolder } from '../testing/shared.ts';
import type { CaseReport } from './verify.ts';

const folder = sharedFolder('conformance/onnx');

/** Operators out of scope; every other case must pass. */
const outOfScope = ['LinearAttention', 'FlexAttention'];

it.skipIf(!folder).each(['reference', 'gpujs:webasm', 'gpujs:cpu', 'wasm'])(
  'passes the ONNX cases on %s',
  async (device) => {
    const { failed, cases } = (await json(['verify', folder!, '--device', device])) as {
      failed: number;
      cases: CaseReport[];
    };
    expect(cases.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(failed).toBe(0);
    const skipped = cases.filter(({ status, op }) => status === 'skip' && !outOfScope.includes(op));
    expect(skipped).toEqual([]);
    expect(cases.length).toBeGreaterThan(100);
  },
);
