const bits = new DataView(new ArrayBuffer(4));

/** IEEE 754 binary16 → its value. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

/** The values of many. */
export function widenHalves(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  halvesInto(halves, values);
  return values;
}

/** Writes the values of many: looked up in a table of all 65,536. */
export function halvesInto(halves: Uint16Array, values: Float32Array): void {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromHalf(half));
  for (let n = 0; n < halves.length; n++) values[n] = table[halves[n]!]!;
}

/** The values of many bfloat16. */
export function widenBrains(brains: Uint16Array): Float32Array {
  const values = new Float32Array(brains.length);
  brainsInto(brains, values);
  return values;
}

/** Writes the values of many bfloat16. */
export function brainsInto(brains: Uint16Array, values: Float32Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, brains.length);
  for (let n = 0; n < brains.length; n++) words[n] = brains[n]! << 16;
}

/** The nearest binary16, ties to even; ±∞ from 65520 on. */
export function toHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  // log2 may land one off next to a power of two; a significand of 2 carries into the exponent by itself
  const steps = roundToEven(size * 2 ** (10 - exponent));
  return sign | (exponent === -14 ? steps : ((exponent + 14) << 10) + steps);
}

/** The nearest bfloat16 of a float32, ties to even. */
export function toBrain(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  bits.setFloat32(0, value);
  const word = bits.getUint32(0);
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

/** A number as bfloat16 holds it. */
export function bfloat16(value: number): number {
  return widenBrains(Uint16Array.of(toBrain(value)))[0]!;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
