import { checkCache } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';

checkCache('contiguous', subjects.contiguous);
