import { argv, stdout } from 'node:process';
import { createReference, type LayerSpec, tensor } from '@headwise/tensor';
import { saveToFile } from '../file.ts';
import { type Cache, createStates } from '../index.ts';

export { saveToFile } from '../file.ts';

/** A layer of 256 KiB at 512 tokens. */
export const savedSpec: LayerSpec = {
  kind: 'full',
  rows: { k: [1, 64], v: [1, 64] },
  cap: Infinity,
  constant: {},
};

/** States whose every number is `value`; as many tokens as 256 times it. */
export function statesOf(value: number): Cache[] {
  const device = createReference();
  const states = createStates([savedSpec, savedSpec], { device, B: 1, capacity: 512 });
  for (const state of states) {
    const rows = tensor(device, new Float32Array(256 * value * 64).fill(value), [1, 256 * value, 1, 64]);
    state.append({ k: rows, v: rows });
  }
  return states;
}

/** Saves two contents in turn and prints a point after each, to be killed: run as a program with the path as its argument. */
async function main(path: string): Promise<never> {
  const contents = [statesOf(1), statesOf(2)];
  await saveToFile(path, contents[0]!);
  for (let turn = 1; ; turn++) {
    stdout.write('.');
    await saveToFile(path, contents[turn % 2]!);
  }
}

if (argv[2]?.endsWith('.cache')) await main(argv[2]);
