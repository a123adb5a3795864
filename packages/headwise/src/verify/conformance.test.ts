import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { json } from '../testing/run.ts';
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

function sharedFolder(path: string): string | undefined {
  let root = new URL('./', import.meta.url);
  while (!existsSync(new URL('pnpm-workspace.yaml', root)) && root.pathname !== '/')
    root = new URL('../', root);
  const found = fileURLToPath(new URL(`../shared/${path}/`, root));
  if (existsSync(found)) return found;
  console.log(`skipped: there is no folder shared/${path} beside the repository`);
  return undefined;
}
