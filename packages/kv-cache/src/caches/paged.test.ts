import { checkCache } from '../conformance/index.ts';
import { createPaged } from './paged.ts';

checkCache('paged', { create: (options) => createPaged({ ...options, blockSize: 4, blocks: 60 }) });
