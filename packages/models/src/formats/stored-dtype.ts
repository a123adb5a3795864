import type { ConfigFields } from './config-fields.ts';
import { bfloat16, fromHalf, toHalf } from './half.ts';

const rounding: Readonly<Record<string, (value: number) => number>> = {
  float32: Math.fround,
  bfloat16,
  float16: (value) => fromHalf(toHalf(value)),
  float64: (value) => value,
};

/** A constant as a model of the file's `dtype` (`torch_dtype` of old) holds it. Never throws. */
export function roundedAsStored(fields: ConfigFields, value: number): number {
  const key = fields.has('dtype') ? 'dtype' : 'torch_dtype';
  return fields.oneOf(key, rounding, 'float32')(value);
}
