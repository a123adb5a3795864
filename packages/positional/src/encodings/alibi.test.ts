import golden from '../../golden/alibi.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { alibi } from './alibi.ts';

checkEncoding(alibi, { golden });
