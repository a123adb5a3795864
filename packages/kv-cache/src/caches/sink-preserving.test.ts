import { checkCache } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';

checkCache('sink-preserving', subjects['sink-preserving']);
