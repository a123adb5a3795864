import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HostTensor, numbersOf, readSafetensors } from '@headwise/models';
import type { Device } from '@headwise/tensor';
import { describe, expect, it } from 'vitest';
import type { VerifyCase } from '../contract.ts';
import { samplerRunners } from './sampler.ts';

const folder = findShared('conformance/sampler');
const noDevice = {} as Device; // no sampler case computes on a device

if (!folder)
  console.log('sampler conformance: skipped, there is no shared/conformance/sampler beside the repository');

describe.skipIf(!folder)('sampler conformance', () => {
  const files = folder ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(isCase) : [];

  it('finds the cases', () => {
    expect(files.length).toBeGreaterThan(50);
  });

  it.each(files)('%s', async (file) => {
    const testCase = readCase(join(folder!, file));
    const got = await samplerRunners[testCase.op]!(testCase, noDevice);
    for (const [name, want] of Object.entries(testCase.outputs)) {
      const { shape, data } = got[name]!;
      expect(shape, name).toEqual(want.shape);
      const exact = want.dtype === 'I64' || want.dtype === 'BOOL';
      const { atol, rtol } = exact ? { atol: 0, rtol: 0 } : testCase.tolerance(name);
      numbersOf(want).forEach((value: number, i: number) => {
        const near = data[i] === value || Math.abs(data[i]! - value) <= atol + rtol * Math.abs(value);
        if (!near) expect.fail(`${name}[${i}]: got ${data[i]}, want ${value}`);
      });
    }
  });
});

it('names a rule it does not know', async () => {
  const testCase = {
    attributes: { steps: [{ rule: 'top_z' }] },
    inputs: { logits: { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) } satisfies HostTensor },
  } as unknown as VerifyCase;
  await expect(samplerRunners['sampler.chain']!(testCase, noDevice)).rejects.toThrow(
    /no rule top_z; known are temperature, top_k/,
  );
});

function readCase(path: string): VerifyCase {
  const { metadata, tensors } = readSafetensors(readFileSync(path));
  const part = (prefix: string) =>
    Object.fromEntries(
      [...tensors].flatMap(([name, tensor]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
      ),
    );
  return {
    file: path,
    name: metadata.case!,
    op: metadata.op!,
    attributes: JSON.parse(metadata.attributes!),
    features: JSON.parse(metadata.features!),
    inputs: part('input.'),
    outputs: part('output.'),
    tolerance: () => ({ atol: Number(metadata.atol), rtol: Number(metadata.rtol) }),
  };
}

function isCase(file: string): boolean {
  return file.endsWith('.safetensors');
}

function findShared(path: string): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); dirname(at) !== at; at = dirname(at)) {
    const candidate = join(at, 'shared', path);
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
