import { checkCache } from '../conformance/index.ts';
import { subjects } from '../testing/subjects.ts';

checkCache('ring', subjects.ring);
checkCache('ring with slack', subjects['ring with slack']);
checkCache('ring of one', subjects['ring of one']);
checkCache('ring with sinks', subjects['ring with sinks']);
