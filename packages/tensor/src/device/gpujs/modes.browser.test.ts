import { checkDevice } from '../../testing/check-device.ts';
import { createDevice } from '../devices.ts';

checkDevice('gpujs:webgl2', () => createDevice('gpujs:webgl2'));
checkDevice('gpujs:webgpu', () => createDevice('gpujs:webgpu'));
checkDevice('gpujs:webasm', () => createDevice('gpujs:webasm'));
