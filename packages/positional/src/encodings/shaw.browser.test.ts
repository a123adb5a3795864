import golden from '../../golden/shaw.json' with { type: 'json' };
import { checkEncoding } from '../conformance/index.ts';
import { shaw } from './shaw.ts';

// the software adapters of a headless browser: what a GPU computes, at the speed of a CPU
checkEncoding(shaw, { golden, devices: ['gpujs:webgl2', 'gpujs:webgpu'] });
