import { createStates } from '@headwise/kv-cache';
import {
  createPositions,
  type Device,
  gather,
  keep,
  type LayerSpec,
  type LayerState,
  tensor,
  ValueError,
} from '@headwise/tensor';
import type { Flow } from './part.ts';
import type { SessionModel, SessionOptions, SessionSource, StatesFactory } from './session-contract.ts';

/**
 * Most positions that a sequence can reach.
 *
 * @throws {ValueError} if the capacity has no bound, the limit is beyond the model's context, or the source is missing
 * where the model reads one.
 */
export function limitOf(
  model: SessionModel,
  capacity: number,
  { limit: given, source }: SessionOptions,
): number {
  const { specs, context, sourceIds } = model;
  if (!Number.isInteger(capacity) || capacity < 1) {
    const rule = 'must be a whole number ≥ 1 (the default is the model’s context)';
    throw new ValueError('session', 'capacity', rule, capacity);
  }
  const forgets = Object.entries(specs).every(
    ([id, { kind, cap }]) =>
      ['recurrent', 'shared'].includes(kind) ||
      sourceIds.includes(id) ||
      (kind === 'window' && cap <= capacity),
  );
  const limit = given ?? Math.min(forgets ? Infinity : capacity, context);
  if (limit !== Infinity && (!Number.isInteger(limit) || limit < 1))
    throw new ValueError('session', 'limit', 'must be a whole number ≥ 1, or Infinity', limit);
  if (limit > context)
    throw new ValueError('session', 'limit', `must be at most the model’s ${context} positions`, limit);
  if (sourceIds.length > 0 && !source) {
    const rule = 'must be given: the model reads one (an encoder’s output)';
    throw new ValueError('session', 'source', rule, undefined);
  }
  return limit;
}

/** The states of a model, in order: those of a source with room for its length, the others for the text's. */
export function makeStates(
  model: SessionModel,
  { source }: SessionOptions,
  { B, capacity, cache, device }: { B: number; capacity: number; cache: StatesFactory; device: Device },
): readonly LayerState[] {
  if (!source) return cache(model.specs, { device, B, capacity });
  // what is read once has room for its own length, whatever the text's is
  const Ls = source.source.shape[1]!;
  const chosen = (own: boolean): Readonly<Record<string, LayerSpec>> =>
    Object.fromEntries(Object.entries(model.specs).filter(([id]) => model.sourceIds.includes(id) !== own));
  const made = [...cache(chosen(true), { device, B, capacity })];
  try {
    made.push(...createStates(chosen(false), { device, B, capacity: Math.max(1, Ls) }));
  } catch (error) {
    for (const state of made) state.dispose();
    throw error;
  }
  const order = Object.keys(model.specs);
  return made.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
}

/** The same source, with tensors of its own over the same memory where the session frees them. */
export function sharing({ source, positions, owned }: SessionSource): SessionSource {
  if (!owned) return { source, positions };
  return {
    source: keep(source.reshape(source.shape)),
    positions: positions && { ...positions, tensor: keep(positions.tensor.reshape(positions.tensor.shape)) },
    owned,
  };
}

/** The source as the sequences stand now. */
export function orderedSource(
  { source, positions }: SessionSource,
  order: readonly number[] | undefined,
): Pick<Flow, 'source' | 'sourcePositions'> {
  if (!order) return { source, sourcePositions: positions };
  const [B, Ls, Es] = source.shape as [number, number, number];
  const { device } = source;
  const rows = tensor<'B'>(device, Int32Array.from(order), [order.length]);
  const { host, shape: [one] = [1] } = positions ?? {};
  return {
    source: gather(source.reshape([B, Ls * Es]), rows).reshape([order.length, Ls, Es]),
    sourcePositions:
      host &&
      createPositions(
        device,
        order.map((from) => [...host.subarray((one === 1 ? 0 : from) * Ls).subarray(0, Ls)]),
      ),
  };
}
