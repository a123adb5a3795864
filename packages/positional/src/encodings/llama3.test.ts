import golden from '../../golden/llama3.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { llama3 } from './llama3.ts';

checkEncoding(llama3, { golden });
