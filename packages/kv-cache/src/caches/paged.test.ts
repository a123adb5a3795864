import { checkCache } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';

checkCache('paged', subjects.paged);
