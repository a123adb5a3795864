import { checkCache } from '../conformance/index.ts';
import { createContiguous } from './contiguous.ts';

checkCache('contiguous', { create: createContiguous });
