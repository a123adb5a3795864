import golden from '../../golden/yarn.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { yarn } from './yarn.ts';

checkEncoding(yarn, { golden });
