export { checkDevice, compareWithReference } from './check-device.ts';
export { assertClose, type Difference, difference } from './close.ts';
export type { DeviceLaw } from './device-law.ts';
export { deviceLaws } from './device-laws.ts';
export { withoutKernels } from './lowered.ts';
export type { OpCase } from './op-case.ts';
export { opCases } from './op-cases.ts';
export { type OpSample, opSamples } from './op-samples.ts';
export { seeded, seededValues } from './seeded.ts';
