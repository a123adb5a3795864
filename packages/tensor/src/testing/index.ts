export { checkDevice, checkDevices, compareWithReference } from './check-device.ts';
export { assertClose, type Difference, difference, toleranceOf } from './close.ts';
export type { DeviceLaw } from './device-law.ts';
export { deviceLaws } from './device-laws.ts';
export { type DeviceSelection, onEveryDevice, openDevices } from './every-device.ts';
export type { GradientCase } from './gradient-case.ts';
export { gradientCases } from './gradient-cases.ts';
export {
  assertGradients,
  centralDifferences,
  checkDirections,
  checkGradients,
  compareGradients,
  type Differentiable,
  gradientsOn,
  type HostGradients,
  type Parameters,
} from './gradients.ts';
export { withoutKernels } from './lowered.ts';
export { mutateBytes, mutateJson, type Pick, randomIndex } from './mutate.ts';
export type { OpCase } from './op-case.ts';
export { opCases } from './op-cases.ts';
export { type OpSample, opSamples } from './op-samples.ts';
export { seeded, seededValues } from './seeded.ts';
