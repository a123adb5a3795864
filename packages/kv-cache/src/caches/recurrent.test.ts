import { checkCache } from '../conformance/index.ts';
import { createRecurrent } from './recurrent.ts';

checkCache('recurrent', {
  create: createRecurrent,
  spec: { kind: 'recurrent', rows: {}, cap: Infinity, constant: { S: [2, 3, 3], z: [2, 3] } },
  endless: true,
  cropsBack: 0,
});
