import { checkDevices } from '../../testing/check-device.ts';

const modes = ['gpujs:cpu', 'gpujs:webasm'];
checkDevices({ only: modes, expected: modes });
