import { createPositions, type LayerSpec, type LayerState, tensor, ValueError } from '@headwise/tensor';
import { plainStates } from './plain-states.ts';
import type { Probe } from './probe.ts';

/** Calls layer 0 with states that are not its own, and checks that each is refused and left as it was. */
export async function refuseForeignStates<Options extends object>(probe: Probe<Options>): Promise<void> {
  const { device, variant, shape, options } = probe;
  const own = variant.kv(shape, options, 0);
  const other: LayerSpec = { kind: 'full', rows: { other: [3] }, cap: Infinity, constant: {} };
  const foreign: readonly [what: string, state: LayerState][] = [
    ['the state of another variant', plainStates(device, 2, [other])[0]!],
    ['the state of another layer', plainStates(device, 2, [other, own])[1]!],
    ['a state of other sequences', plainStates(device, 3, [own])[0]!],
  ];
  for (const [what, state] of foreign) {
    const held = [
      tensor<'B L E'>(device, new Float32Array(2 * 2 * shape.E), [2, 2, shape.E]),
      tensor<'B Ls Es'>(device, new Float32Array(2 * 2 * (shape.Es ?? shape.E)), [2, 2, shape.Es ?? shape.E]),
    ] as const;
    const [x, source] = held;
    const positions = createPositions(device, { start: 0, L: 2 });
    const weights = probe.weights(0);
    try {
      variant.layer({ x, source, weights, state, positions, shape, options, layer: 0 });
      throw new Error(`${what} is accepted`);
    } catch (error) {
      if (!ValueError.isInstance(error)) throw new Error(`${what}: ${String(error)}`);
      if (error.argument !== 'state') throw new Error(`${what}: the error is about ${error.argument}`);
      if (state.length !== 0) throw new Error(`${what} was changed before it was refused`);
    } finally {
      for (const tensorHeld of [...held, ...Object.values(weights), positions.tensor, state])
        tensorHeld.dispose();
    }
  }
}
