import golden from '../../golden/dynamic-ntk.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { dynamicNtk } from './dynamic-ntk.ts';

checkEncoding(dynamicNtk, { golden });
