import golden from '../../golden/learned.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { learned } from './learned.ts';

checkEncoding(learned, { golden });
