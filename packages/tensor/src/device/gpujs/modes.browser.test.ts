import { checkDevice } from '../../testing/check-device.ts';
import { createDevice } from '../devices.ts';

const nan = 'GLSL and WGSL let a GPU treat NaN as it likes';

checkDevice('gpujs:webgl2', () => createDevice('gpujs:webgl2'), {
  except: { 'NaN in a seen key reaches the rows that see it, and no other': nan },
});
checkDevice('gpujs:webgpu', () => createDevice('gpujs:webgpu'), {
  except: { 'NaN in a seen key reaches the rows that see it, and no other': nan },
});
checkDevice('gpujs:webasm', () => createDevice('gpujs:webasm'));
