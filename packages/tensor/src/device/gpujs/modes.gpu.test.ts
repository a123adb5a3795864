import { checkDevices } from '../../testing/check-device.ts';

const free = 'GLSL and WGSL let a GPU treat NaN as it likes';
const nan = {
  'NaN in a seen key reaches the rows that see it, and no other': free,
  'softmax NaN beside −∞': free,
  'logSoftmax NaN beside −∞': free,
  'reduce sum that is infinite, or NaN': free,
};
const modes = ['gpujs:webgl2', 'gpujs:webgpu', 'gpujs:webasm'];
checkDevices({ only: modes, expected: modes, except: { 'gpujs:webgl2': nan, 'gpujs:webgpu': nan } });
