import { checkCache } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';

checkCache('quantized to 8 bits', subjects['quantized to 8 bits']);
checkCache('quantized to 4 bits', subjects['quantized to 4 bits, keys by channel']);
