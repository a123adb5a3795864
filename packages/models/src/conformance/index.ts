export { decoderOutputs } from './decoder-golden.ts';
export { encoderDecoderOutputs, type ForcedIds } from './encoder-decoder-golden.ts';
export { encoderOutputs } from './encoder-golden.ts';
export { Golden, type GoldenOutput } from './golden.ts';
