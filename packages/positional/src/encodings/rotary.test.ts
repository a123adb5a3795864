import golden from '../../golden/rotary.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { rotary } from './rotary.ts';

checkEncoding(rotary, { golden });
