import golden from '../../golden/t5.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { t5 } from './t5.ts';

checkEncoding(t5, { golden, devices: ['gpujs:webgl2', 'gpujs:webgpu'] });
