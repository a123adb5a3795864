import { checkDevice } from '../../testing/check-device.ts';
import { createDevice } from '../devices.ts';

checkDevice('gpujs:cpu', () => createDevice('gpujs:cpu'));
checkDevice('gpujs:webasm', () => createDevice('gpujs:webasm'));
