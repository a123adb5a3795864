import golden from '../../golden/longrope.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { longrope } from './longrope.ts';

checkEncoding(longrope, { golden });
