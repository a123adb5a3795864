import golden from '../../golden/shaw.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { shaw } from './shaw.ts';

checkEncoding(shaw, { golden });
