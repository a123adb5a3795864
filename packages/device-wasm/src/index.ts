export { createWasm, type WasmDevice, type WasmOptions } from './device.ts';
export type { Simd } from './module.ts';
export { packWeights, type StorageFormat, uploadWeights } from './weights.ts';
