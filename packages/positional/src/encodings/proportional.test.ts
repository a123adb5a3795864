import golden from '../../golden/proportional.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { proportional } from './proportional.ts';

checkEncoding(proportional, { golden });
