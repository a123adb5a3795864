import { keep, scope, type Tensor, ValueError, zeros } from '@headwise/tensor';

/** Weights to be trained, by name: those of a model (`layers.0.attention.q`), or any others. */
export type Params = Readonly<Record<string, Tensor>>;

/** The same names with what `make` returns. Never throws by itself. */
export function mapParams(
  params: Params,
  make: (tensor: Tensor, name: string) => Tensor,
): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(params).map(([name, tensor]) => [name, make(tensor, name)]));
}

/** Number of weights. Never throws. */
export function sizeOfParams(params: Params): number {
  return Object.values(params).reduce((sum, { size }) => sum + size, 0);
}

/** Frees them. Never throws. */
export function disposeParams(params: Params): void {
  for (const tensor of Object.values(params)) tensor.dispose();
}

/** Puts new numbers into the tensors of `params`, name by name, and frees what they were computed with. */
export function overwrite(params: Params, values: () => Params): void {
  scope(() => {
    const made = values();
    for (const [name, tensor] of Object.entries(params)) tensor.write(0, made[name]!);
  });
}

/**
 * Copies of their own, which live until they are disposed.
 * @throws {DeviceError} if the device has no room.
 */
export function copyParams(params: Params): Record<string, Tensor> {
  return mapParams(params, (tensor) => {
    const copy = keep(zerosLike(tensor));
    copy.write(0, tensor);
    return copy;
  });
}

/** Zeros of the same shapes. */
export function zerosLike({ device, shape }: Tensor): Tensor {
  return zeros(device, shape);
}

/** @throws {ValueError} unless both have the same names and shapes; `what` says whose the second are. */
export function checkSame(op: string, params: Params, others: Params, what: string): void {
  const missing = Object.keys(params).filter((name) => !Object.hasOwn(others, name));
  const unknown = Object.keys(others).filter((name) => !Object.hasOwn(params, name));
  const other = Object.keys(params).filter(
    (name) => !missing.includes(name) && String(params[name]!.shape) !== String(others[name]!.shape),
  );
  const problems = [
    ...missing.slice(0, 4).map((name) => `${name} is missing`),
    ...unknown.slice(0, 4).map((name) => `${name} is unknown`),
    ...other
      .slice(0, 4)
      .map(
        (name) =>
          `${name} is [${others[name]!.shape.join(', ')}] and not [${params[name]!.shape.join(', ')}]`,
      ),
  ];
  if (problems.length > 0)
    throw new ValueError(op, what, 'must have the names and shapes of the parameters', problems.join('; '));
}
