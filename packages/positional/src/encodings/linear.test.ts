import golden from '../../golden/linear.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { linear } from './linear.ts';

checkEncoding(linear, { golden });
