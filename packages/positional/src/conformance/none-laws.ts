import { attention, type NoEncoding } from '@headwise/tensor';
import { onDevice, wanted } from './golden.ts';
import { type Law, mustBeClose, tolerance } from './law.ts';

/** What is true of no encoding: attention alone is what is wanted. */
export const noneLaws: readonly Law<NoEncoding>[] = [
  {
    name: 'golden cases',
    async holds({ device, golden, create }) {
      const encoding = create();
      if (Object.keys(encoding).length !== 2) throw new Error('has more than a kind and a name');
      const { q, k, v, causal, offset = 0, scale } = golden.inputs;
      const given = { q: onDevice(device, q, 'q'), k: onDevice(device, k, 'k'), v: onDevice(device, v, 'v') };
      const y = attention(given, { scale, causal: causal ? { offset } : false });
      mustBeClose('y', await y.data(), wanted(golden, 'y').data, tolerance(device));
    },
  },
];
