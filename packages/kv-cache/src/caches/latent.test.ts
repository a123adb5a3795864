import { checkCache, plainSpec } from '../conformance/index.ts';
import { createLatent } from './latent.ts';

checkCache('latent', { create: createLatent, spec: { ...plainSpec, kind: 'latent', rows: { latent: [7] } } });
