import golden from '../../golden/sinusoidal.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { sinusoidal } from './sinusoidal.ts';

checkEncoding(sinusoidal, { golden });
