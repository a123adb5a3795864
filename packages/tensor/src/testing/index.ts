export { assertClose, type Difference, difference } from './close.ts';
export { seeded, seededValues } from './seeded.ts';
