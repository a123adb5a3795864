export { packWeights, uploadWeights } from '@headwise/tensor';
export { createWasm, type WasmDevice, type WasmOptions, wasm } from './device.ts';
export type { Simd } from './module.ts';
