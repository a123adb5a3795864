import { createThrough, type Device, type LayerSpec, type LayerState } from '@headwise/tensor';

/**
 * Runs work with states that keep nothing, for whole texts at once: what training needs, since a cache grows in place.
 * @throws what `work` throws.
 */
export function withThroughStates<Result>(
  device: Device,
  specs: Readonly<Record<string, LayerSpec>>,
  B: number,
  work: (states: Readonly<Record<string, LayerState>>) => Result,
): Result {
  const states: Record<string, LayerState> = {};
  try {
    for (const [id, spec] of Object.entries(specs))
      states[id] = createThrough({ device, spec, B, id, producer: states[spec.producer ?? ''] });
    return work(states);
  } finally {
    for (const state of Object.values(states)) state.dispose();
  }
}
