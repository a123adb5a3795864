export { packWeights, uploadWeights } from '@headwise/tensor';
export { createWasm, type WasmDevice, type WasmOptions, wasm } from './device.ts';
export { type EightBits, toEightBits } from './eight-bits.ts';
export type { Activations } from './engine.ts';
export type { Simd } from './module.ts';
