export { checkDevice, compareWithReference } from './check-device.ts';
export { assertClose, type Difference, difference } from './close.ts';
export { type DeviceLaw, deviceLaws } from './device-laws.ts';
export { mutateBytes, mutateJson, type Pick, randomIndex } from './mutate.ts';
export { type OpCase, opCases } from './op-cases.ts';
export { seeded, seededValues } from './seeded.ts';
