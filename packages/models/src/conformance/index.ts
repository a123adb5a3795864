export { decoderOutputs } from './decoder-golden.ts';
export { Golden, type GoldenOutput } from './golden.ts';
