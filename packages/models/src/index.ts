export { FormatError } from './errors.ts';
export {
  type HostDType,
  type HostTensor,
  numbersOf,
  readSafetensors,
  type Safetensors,
  writeSafetensors,
} from './formats/safetensors.ts';
