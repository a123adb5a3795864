import { createThrough, type Device, type LayerSpec, type LayerState } from '@headwise/tensor';

/**
 * Runs work with states that keep nothing, for whole texts at once: what training needs, since a cache grows in place.
 *
 * @param documents lengths of the documents of each text, where several stand in one; see `createThrough`
 * @throws what `work` throws.
 */
export function withThroughStates<Result>(
  device: Device,
  specs: Readonly<Record<string, LayerSpec>>,
  B: number,
  work: (states: Readonly<Record<string, LayerState>>) => Result,
  documents?: readonly (readonly number[])[],
): Result {
  const states: Record<string, LayerState> = {};
  try {
    for (const [id, spec] of Object.entries(specs))
      states[id] = createThrough({ device, spec, B, id, producer: states[spec.producer ?? ''], documents });
    return work(states);
  } finally {
    for (const state of Object.values(states)) state.dispose();
  }
}
