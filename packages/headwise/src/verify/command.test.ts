import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HostTensor, writeSafetensors } from '@headwise/models';
import { createReference, type Device } from '@headwise/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { headwise, json, temporaryFolder } from '../testing/run.ts';
import { readCase } from './case.ts';
import { verifyCase } from './verify.ts';

const folder = temporaryFolder();
const f32 = (shape: number[], ...data: number[]): HostTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(data),
});

function write(
  path: string,
  tensors: Record<string, HostTensor>,
  metadata: Record<string, string> = {},
): void {
  writeFileSync(join(folder, path), writeSafetensors(tensors, { atol: '1e-5', rtol: '1e-4', ...metadata }));
}

beforeAll(() => {
  mkdirSync(join(folder, 'deep'));
  const swish = (y: number, name: string, more: Record<string, string> = {}): void =>
    write(
      `${name}.safetensors`,
      { 'input.x': f32([1], 0), 'output.y': f32([1], y) },
      { op: 'Swish', case: name, features: '["activation", "odd"]', ...more },
    );
  swish(0, 'right');
  swish(1, 'deep/wrong');
  swish(0, 'unknown', { op: 'Frobnicate', features: '["strange"]' });
  swish(0, 'no-tolerance', { atol: 'small' });
  swish(0, 'bad-json', { attributes: '{' });
  write('no-case.safetensors', { 'output.y': f32([1], 0) });
  write('no-output.safetensors', { 'input.x': f32([1], 0) }, { op: 'Swish' });
  write(
    'too-large.safetensors',
    { 'input.x': { dtype: 'F64', shape: [1], data: Float64Array.of(1e300) }, 'output.y': f32([1], 0) },
    { op: 'Swish', case: 'too-large' },
  );
  writeFileSync(join(folder, 'cut.safetensors'), Uint8Array.of(1, 2, 3));
  writeFileSync(join(folder, 'notes.txt'), 'no case');
});

it('runs a folder: every file has a line, and the last line counts', async () => {
  const { code, out } = await headwise(['verify', '.', '--device', 'reference'], { cwd: folder });
  expect(code).toBe(1);
  expect(out).toMatchInlineSnapshot(`
    "fail  ?/bad-json.safetensors  conformance case: attributes in its header must be JSON text of an object, it is {
    fail  ?/cut.safetensors  safetensors: truncated: 3 bytes, the header length alone takes 8
    fail  Swish/deep/wrong  largest error 1.0e+0  y: 1 of 1 values differ (wanted within 0.00001 + 0.0001·|want|); the worst, [0], is 0, not 1
    skip  ?/no-case.safetensors  its header has no "op", so it is no conformance case
    fail  ?/no-output.safetensors  conformance case: it has no tensor named output.…
    fail  ?/no-tolerance.safetensors  conformance case: atol in its header must be a number ≥ 0, it is small
    pass  Swish/right  largest error 0
    skip  Swish/too-large  F64 value 1e+300 is out of the range of float32
    skip  Frobnicate/unknown  no runner for the operator Frobnicate
    1 passed, 5 failed, 3 skipped
    "
  `);
});

it('has not passed where every case was skipped', async () => {
  for (const files of [['unknown.safetensors'], ['too-large.safetensors', 'no-case.safetensors']]) {
    const { code, out, err } = await headwise(['verify', ...files, '--device', 'reference'], { cwd: folder });
    expect(code).toBe(1);
    expect(out).toContain(`0 passed, 0 failed, ${files.length} skipped`);
    expect(err).toBe('headwise: no case ran: all were skipped\n');
  }
});

it.each([
  ['{"y": "1e9"}', '"y" must be an object with atol or rtol, it is "1e9"'],
  ['{"y": {"atol": "1e9"}}', '"y": atol must be a number ≥ 0, it is "1e9"'],
  ['{"y": {"rtol": -1}}', '"y": rtol must be a number ≥ 0, it is -1'],
  ['{"y": {"tol": 1}}', '"y" has "tol"; only atol and rtol are known'],
  ['{"constructor": {"atol": 1}}', '"constructor" is no output; there are y'],
])('refuses the tolerances %s', async (tolerances, message) => {
  const other = temporaryFolder();
  const metadata = { op: 'Swish', atol: '0', rtol: '0', tolerances };
  const bytes = writeSafetensors({ 'input.x': f32([1], 0), 'output.y': f32([1], 1) }, metadata);
  writeFileSync(join(other, 'a.safetensors'), bytes);
  const { out, code } = await headwise(['verify', other, '--device', 'reference']);
  expect(code).toBe(1);
  expect(out).toContain(`conformance case: tolerances in its header: ${message}`);
});

it('takes the tolerance of one output where it has its own', async () => {
  const other = temporaryFolder();
  const metadata = { op: 'Swish', atol: '0', rtol: '0', tolerances: '{"y": {"atol": 2}}' };
  const bytes = writeSafetensors({ 'input.x': f32([1], 0), 'output.y': f32([1], 1) }, metadata);
  writeFileSync(join(other, 'a.safetensors'), bytes);
  expect((await headwise(['verify', other, '--device', 'reference'])).code).toBe(0);
});

it('says the same as one document', async () => {
  const { cases, ...rest } = await json(['verify', '.', '--device', 'reference'], { cwd: folder });
  expect(rest).toEqual({ device: 'reference', engine: 'reference', passed: 1, failed: 5, skipped: 3 });
  expect(cases).toHaveLength(9);
  expect(cases).toContainEqual({
    file: 'right.safetensors',
    case: 'right',
    op: 'Swish',
    status: 'pass',
    largestError: 0,
  });
});

it('takes files, and passes when they do', async () => {
  const { code, out } = await headwise(['verify', 'right.safetensors', 'too-large.safetensors'], {
    cwd: folder,
  });
  expect(code).toBe(0);
  expect(out).toContain('1 passed, 0 failed, 1 skipped');
});

it.each([
  ['RIGHT', 1],
  ['swish', 3],
  ['strange', 1],
  ['swish/too', 1],
  ['cut', 1],
])('filters by %s', async (filter, count) => {
  const { cases } = await json(['verify', '.', '--filter', filter, '--device', 'reference'], { cwd: folder });
  expect(cases).toHaveLength(count);
});

it.each([
  [['nowhere'], 'there is no file or folder nowhere'],
  [['.', '--filter', 'zzz'], 'no case of 9 files matches --filter zzz'],
])('refuses %j', async (argv, message) => {
  const { code, err } = await headwise(['verify', ...argv, '--device', 'reference'], { cwd: folder });
  expect(code).toBe(2);
  expect(err).toContain(message);
});

describe('a folder without cases', () => {
  it('is refused rather than passed', async () => {
    const empty = temporaryFolder();
    const { code, err } = await headwise(['verify', empty]);
    expect(code).toBe(2);
    expect(err).toContain('there is no .safetensors file in');
  });
});

it('skips what a device says it does not support, and names its reasons', async () => {
  const refusing: Device = {
    ...createReference(),
    name: 'partial',
    supports: () => ['it has no kernel for it'],
    allocate: unused,
    free: unused,
    read: unused,
    run: unused,
    write: unused,
    resetPeak: unused,
    settled: unused,
    dispose: unused,
    upload: (data) => ({ dtype: data instanceof Int32Array ? 'i32' : 'f32', length: data.length }),
  };
  const testCase = readCase('right', new Uint8Array(readFileSync(join(folder, 'right.safetensors'))));
  expect(await verifyCase(testCase, refusing)).toMatchObject({
    status: 'skip',
    reason: 'not supported: it has no kernel for it',
  });
});

function unused(): never {
  throw new Error('not asked for');
}
