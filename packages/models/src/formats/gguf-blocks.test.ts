import { expect, it } from 'vitest';
import golden from '../../golden/gguf-blocks.json' with { type: 'json' };
import { type BlockType, blockTypes, widenBlocks } from './gguf-blocks.ts';

/** The bytes that tooling/golden/gguf_blocks.py made. */
function randomBytes(count: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

it('every type has golden values', () => {
  expect(Object.keys(golden.types).sort()).toEqual(Object.keys(blockTypes).sort());
});

it.each(Object.entries(golden.types))(
  '%s: the numbers of gguf-py, to the bit',
  (type, { seed, halves, values }) => {
    const { bytes: step, size } = blockTypes[type as BlockType];
    const bytes = randomBytes((values.length / size) * step, seed);
    for (let block = 0; block < bytes.length; block += step)
      for (const at of halves) bytes[block + at + 1]! &= 0xbf;
    expect(widenBlocks(bytes, type as BlockType)).toEqual(Float32Array.from(values));
  },
);
