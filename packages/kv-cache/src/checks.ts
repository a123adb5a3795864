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
 * @param pools whether this cache can
 * @throws {ValueError} for a spec with pooled rows where the cache keeps none, or that are made of nothing.
 */
export function checkPooled(
  op: string,
  { spec, format }: { readonly spec: LayerSpec; readonly format?: CacheFormat | undefined },
  pools: boolean,
): void {
  if (spec.pooled === undefined) return;
  if (!pools || spec.kind === 'window') {
    const rule = 'must be left out: only the contiguous, latent and paged caches of all tokens pool rows';
    throw new ValueError(op, 'spec.pooled', rule, Object.keys(spec.pooled).join(', '));
  }
  if (format !== undefined)
    throw new ValueError(op, 'format', 'must be left out: rows are pooled from float32', format);
  for (const [name, { of, row, every, over }] of Object.entries(spec.pooled)) {
    if (!(of in spec.rows) || name in spec.rows) {
      const rule = `must be a name of its own, made of the rows ${Object.keys(spec.rows).join(', ')}`;
      throw new ValueError(op, `spec.pooled.${name}`, rule, of);
    }
    for (const size of [...row, every, over ?? every]) checkCount(op, `spec.pooled.${name}`, size);
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

/**
 * @param present lengths of the sequences now
 * @returns the lengths afterwards: one length cuts every sequence that is longer, a list each to its own
 * @throws {ValueError} unless a crop takes nothing away that is not there.
 */
export function checkCrop(
  op: string,
  length: number | readonly number[],
  present: readonly number[],
): readonly number[] {
  const isLength = (value: unknown, most: number): boolean =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
  if (!Array.isArray(length)) {
    const most = Math.max(...present);
    const one = length as number;
    if (isLength(one, most)) return present.map((own) => Math.min(own, one));
    const rule = `must be a whole number from 0 to ${most}, the present length`;
    throw new ValueError(op, 'length', rule, one);
  }
  if (length.length !== present.length) {
    throw new ValueError(op, 'lengths', `must have one for each of the ${present.length} sequences`, length);
  }
  length.forEach((one, b) => {
    if (isLength(one, present[b]!)) return;
    const rule = `must be a whole number from 0 to ${present[b]}, the present length of sequence ${b}`;
    throw new ValueError(op, `lengths[${b}]`, rule, one);
  });
  return [...length];
}

/** @throws {ValueError} unless `order` holds at least one index, each of one of the B sequences. */
export function checkOrder(op: string, order: readonly number[], B: number): void {
  if (!Array.isArray(order) || order.length === 0) {
    throw new ValueError(op, 'order', `must be a list of indices of the ${B} sequences, at least one`, order);
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
