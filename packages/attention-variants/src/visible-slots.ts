import { binary, cast, type Device, slice, type Tensor } from '@headwise/tensor';
import type { Placement } from './contract.ts';
import { counting, number } from './ops/numbers.ts';

/** Where queries and slots stand, as calls and operations have it. */
type Standing = { readonly [Part in keyof Placement]?: Placement[Part] | undefined };

/**
 * Which slots queries see under a causal mask, as attention decides it, for compositions that need it as numbers.
 *
 * @param at where queries and slots stand; `offset` and `valid` count where no positions and no cursor do
 * @returns 1 or 0 for `count` queries from `start` on, `[B | 1, count, Lk]`
 * @throws {DeviceError} if a tensor of the placement is disposed.
 */
export function visibleSlots(
  at: Standing,
  device: Device,
  Lq: number,
  Lk: number,
): (start: number, count: number) => Tensor {
  const { keyUntil } = at;
  const used = usedSlots(at, device, Lk);
  const { queries, keys } = placesOf(at, device, Lq, Lk);
  return (start, count) => {
    const part = slice(queries, start, count).reshape([queries.shape[0]!, count, 1]);
    let seen = binary(keys, part, 'less-equal');
    if (used) seen = binary(seen, used, 'multiply');
    if (keyUntil) {
      const until = cast(keyUntil, 'f32').reshape([keyUntil.shape[0]!, 1, Lk]);
      seen = binary(seen, binary(part, until, 'less-equal'), 'multiply');
    }
    return seen;
  };
}

/**
 * Slots that somebody stands in, 1 or 0, `[B | 1, 1, Lk]`; undefined where all are used.
 *
 * @throws {DeviceError} if a tensor of the placement is disposed.
 */
export function usedSlots(
  { cursor, keyPositions, valid }: Standing,
  device: Device,
  Lk: number,
): Tensor | undefined {
  let used: Tensor | undefined;
  if (cursor || (valid ?? Lk) < Lk) {
    const end = cursor ? slice(cast(cursor, 'f32'), 1, 1) : number(device, valid!);
    used = binary(counting(device, Lk), end, 'less').reshape([1, 1, Lk]);
  }
  if (!keyPositions) return used;
  const places = cast(keyPositions, 'f32').reshape([keyPositions.shape[0]!, 1, Lk]);
  const somebody = binary(number(device, 0), places, 'less-equal');
  return used ? binary(somebody, used, 'multiply') : somebody;
}

/**
 * Positions as numbers: of queries `[B | 1, Lq]`, of slots beside queries `[B | 1, 1, Lk]`.
 *
 * @throws {DeviceError} if a tensor of the placement is disposed.
 */
export function placesOf(
  { queryPositions, keyPositions, cursor, offset = 0 }: Standing,
  device: Device,
  Lq: number,
  Lk: number,
): { readonly queries: Tensor; readonly keys: Tensor } {
  const first = cursor ? slice(cast(cursor, 'f32'), 0, 1) : number(device, offset);
  const counted = keyPositions ? cast(keyPositions, 'f32') : counting(device, Lk).reshape([1, Lk]);
  return {
    queries: queryPositions
      ? cast(queryPositions, 'f32')
      : binary(counting(device, Lq), first, 'add').reshape([1, Lq]),
    keys: counted.reshape([counted.shape[0]!, 1, Lk]),
  };
}
