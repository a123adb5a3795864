import {
  bindAxes,
  type Device,
  DeviceError,
  type LayerSpec,
  type Positions,
  rowFormats,
  Tensor,
  ValueError,
} from '@headwise/tensor';
import type { CacheFormat } from './contract.ts';

/** Rows by the names of a spec, each `[B, L, ...row]`. */
export type Rows = Readonly<Record<string, Tensor>>;

// biome-ignore lint/suspicious/noExplicitAny: positions are keys' to one reader and queries' to another
export type IndexTensor = Tensor<any, 'i32'>;

interface Owner {
  readonly device: Device;
  readonly spec: LayerSpec;
  readonly B: number;
}

/** @throws {ValueError} unless the value is a whole number of at least `least`. */
export function checkCount(op: string, argument: string, value: number, least = 1): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new ValueError(op, argument, `must be a whole number ≥ ${least}`, value);
}

/** @throws {ValueError} unless the spec is of a kind that the cache can hold, with rows of whole sizes. */
export function checkSpec(op: string, spec: LayerSpec, kinds: readonly LayerSpec['kind'][]): void {
  if (typeof spec !== 'object' || spec === null) {
    throw new ValueError(op, 'spec', 'must be what a layer keeps, as the kv of its variant says', spec);
  }
  if (!kinds.includes(spec.kind)) {
    throw new ValueError(op, 'spec.kind', `must be ${kinds.join(' or ')} for this cache`, spec.kind);
  }
  const shapes = spec.kind === 'recurrent' ? spec.constant : spec.rows;
  if (Object.keys(shapes).length === 0) {
    throw new ValueError(op, 'spec', `must name what a ${spec.kind} layer keeps`, 'no names');
  }
  for (const [name, shape] of Object.entries(shapes)) {
    for (const size of shape) checkCount(op, `spec size of ${name}`, size);
  }
}

/**
 * @param keeps whether this cache can keep its rows in fewer bits
 * @throws {ValueError} for a format that there is not, of rows that there are not, or of a cache that keeps none.
 */
export function checkFormat(
  op: string,
  { spec, format }: { readonly spec: LayerSpec; readonly format?: CacheFormat | undefined },
  keeps: boolean,
): void {
  if (format === undefined) return;
  if (!keeps) {
    const rule = 'must be left out: this cache keeps no rows that attention reads as they are';
    throw new ValueError(op, 'format', rule, format);
  }
  const named = typeof format === 'object' && format !== null ? Object.entries(format) : [];
  for (const [name, one] of named.length > 0 ? named : [['', format] as const]) {
    if (name !== '' && !(name in spec.rows)) {
      const names = Object.keys(spec.rows).join(', ');
      throw new ValueError(op, 'format', `must be of the rows ${names}`, name);
    }
    if ((rowFormats as readonly unknown[]).includes(one)) continue;
    const argument = name === '' ? 'format' : `format.${name}`;
    throw new ValueError(op, argument, `must be one of ${rowFormats.join(', ')}`, one);
  }
}

/**
 * Checks the rows of one append before anything is written.
 *
 * @returns L, the tokens they add to every sequence
 */
export function checkRows(op: string, owner: Owner, rows: Rows): number {
  const { spec, B, device } = owner;
  const names = Object.keys(spec.rows);
  if (typeof rows !== 'object' || rows === null) {
    throw new ValueError(op, 'rows', `must be the tensors ${names.join(', ')} by name`, rows);
  }
  for (const name of Object.keys(rows)) {
    if (!names.includes(name)) {
      throw new ValueError(
        op,
        `rows.${name}`,
        `is not kept by this layer, which keeps ${names.join(', ')}`,
        name,
      );
    }
  }
  const bound = names.map((name) => {
    const tensor = rows[name];
    const wanted = [B, 'L', ...spec.rows[name]!];
    if (!Tensor.isInstance(tensor)) {
      throw new ValueError(op, `rows.${name}`, `must be a tensor [${wanted.join(', ')}]`, tensor);
    }
    if (tensor.device !== device) {
      throw new DeviceError(
        device.name,
        `${op} was given ${name} from another device, ${tensor.device.name}`,
        [],
        'Read it and make a tensor on this device.',
      );
    }
    if (tensor.dtype !== 'f32')
      throw new ValueError(op, `rows.${name}`, 'must be of dtype f32', tensor.dtype);
    tensor.use(op, name);
    return [name, [tensor, wanted.join(' ')]] as const;
  });
  return (bindAxes(op, Object.fromEntries(bound)) as { readonly L: number }).L;
}

/** @throws {ValueError} unless there is a position for each of the L columns of the rows. */
export function checkColumns(op: string, at: Positions, L: number): void {
  if (at.shape?.[1] === L) return;
  throw new ValueError(op, 'at', `must have ${L} columns, one a row of a sequence`, `${at.shape?.[1]}`);
}

/** @throws {ValueError} if L more tokens do not fit. */
export function checkRoom(op: string, L: number, length: number, most: number): void {
  if (length + L <= most) return;
  throw new ValueError(
    op,
    'L',
    `must be at most ${most - length}: ${length} of ${most} tokens are in use (crop or reset the cache, or create it larger)`,
    L,
  );
}

/** @throws {ValueError} unless a crop to `length` takes nothing away that is not there. */
export function checkCrop(op: string, length: number, present: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= present) return;
  throw new ValueError(
    op,
    'length',
    `must be a whole number from 0 to ${present}, the present length`,
    length,
  );
}

/** @throws {ValueError} unless `order` holds B indices of sequences. */
export function checkOrder(op: string, order: readonly number[], B: number): void {
  if (!Array.isArray(order) || order.length !== B) {
    throw new ValueError(op, 'order', `must have one index for each of the ${B} sequences`, order);
  }
  order.forEach((index, b) => {
    if (!Number.isInteger(index) || index < 0 || index >= B) {
      throw new ValueError(op, `order[${b}]`, `must be a whole number from 0 to ${B - 1}`, index);
    }
  });
}

/** @throws {DeviceError} when the cache is disposed. */
export function checkAlive(op: string, device: Device, disposed: boolean): void {
  if (disposed) throw new DeviceError(device.name, `${op}: the cache is disposed`, [], 'Create a new one.');
}
