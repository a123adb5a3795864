import { checkCache, plainSpec } from '../conformance/index.ts';
import { createSinkPreserving } from './sink-preserving.ts';

checkCache('sink-preserving', {
  create: createSinkPreserving,
  spec: { ...plainSpec, kind: 'window', cap: 7, sinks: 3 },
  capacity: 7,
  endless: true,
  cropsBack: 1,
  recall({ start, L }) {
    const s = 3,
      W = 4;
    const oldest = Math.max(s, start - W + 1);
    const kept = Array.from({ length: start + L }, (_, p) => p).filter((p) => p < s || p >= oldest);
    const keys = kept.map((token, position) => ({ token, position }));
    return { keys, queries: keys.slice(-L).map(({ position }) => position) };
  },
});
