import { fileURLToPath } from 'node:url';

/** Four small cases that ship with this package: to see what a case is, and that a device works. */
export const shippedCases: string = fileURLToPath(new URL('../assets/cases/', import.meta.url));
