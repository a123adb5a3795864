/** An array on the host with its shape, row-major. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Number of elements. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, axis) => size * axis, 1);
}

/** ONNX counts axes from the end with negative numbers. */
export function axisOf(attribute: unknown, rank: number, absent: number): number {
  const axis = attribute === undefined ? absent : Number(attribute);
  return axis < 0 ? axis + rank : axis;
}

/** Moves one axis to another place; the others keep their order. The operations work on the last or first axis. */
export function moveAxis({ shape, data }: HostArray, from: number, to: number): HostArray {
  const order = shape.map((_, axis) => axis);
  order.splice(to, 0, ...order.splice(from, 1));
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const moved = order.map((axis) => shape[axis]!);
  const out = new Float32Array(data.length);
  const index = moved.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    out[i] = data[index.reduce((at, value, axis) => at + value * strides[order[axis]!]!, 0)]!;
    for (let axis = moved.length - 1; axis >= 0 && ++index[axis]! === moved[axis]; axis--) index[axis] = 0;
  }
  return { shape: moved, data: out };
}

/** Repeats an array over the axes in which it has size 1 or none, as numpy broadcasts. */
export function broadcastTo({ shape, data }: HostArray, wanted: readonly number[]): HostArray {
  const own = [...Array(Math.max(0, wanted.length - shape.length)).fill(1), ...shape] as number[];
  if (own.length !== wanted.length || own.some((size, axis) => size !== 1 && size !== wanted[axis]))
    throw new RangeError(`[${shape.join(', ')}] cannot be repeated to [${wanted.join(', ')}]`);
  const strides = own.map((size, axis) => (size === 1 ? 0 : sizeOf(own.slice(axis + 1))));
  const out = new Float32Array(sizeOf(wanted));
  for (let i = 0; i < out.length; i++) {
    let rest = i;
    let at = 0;
    for (let axis = wanted.length - 1; axis >= 0; axis--) {
      at += (rest % wanted[axis]!) * strides[axis]!;
      rest = Math.floor(rest / wanted[axis]!);
    }
    out[i] = data[at]!;
  }
  return { shape: wanted, data: out };
}
