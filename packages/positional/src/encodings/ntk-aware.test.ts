import golden from '../../golden/ntk-aware.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { ntkAware } from './ntk-aware.ts';

checkEncoding(ntkAware, { golden });
