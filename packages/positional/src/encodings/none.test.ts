import golden from '../../golden/none.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { none } from './none.ts';

checkEncoding(none, { golden });
