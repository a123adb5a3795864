import { checkCache, plainSpec } from '../conformance/index.ts';
import { createRing } from './ring.ts';

const windowed = { ...plainSpec, kind: 'window', cap: 5 } as const;

checkCache('ring', { create: createRing, spec: windowed, capacity: 5, endless: true, cropsBack: 1 });
checkCache('ring with slack', {
  create: createRing,
  spec: windowed,
  capacity: 9,
  endless: true,
  cropsBack: 5,
});
checkCache('ring of one', { create: createRing, spec: { ...windowed, cap: 1 }, capacity: 1, endless: true });
checkCache('ring with sinks', {
  create: createRing,
  spec: { ...windowed, cap: 7, sinks: 3 },
  capacity: 7,
  endless: true,
  cropsBack: 1,
});
