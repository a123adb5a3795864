import type { Decoder } from '@headwise/models';
import { type Tensor, ValueError } from '@headwise/tensor';

/** What a real cache holds of a layer after the text. */
export interface FetchedStates {
  /** The state that holds it: that of another layer, where it is shared. */
  readonly id: string;
  readonly kind: string;
  readonly tensors: readonly {
    readonly name: string;
    /** Slots, or rows of a state that does not grow. */
    readonly rows: number;
    readonly columns: number;
    readonly values: Float32Array;
    /** Position that each slot holds, −1 for an empty one; absent for a state that has no slots. */
    readonly positions: readonly number[] | undefined;
  }[];
}

/** Reads the text again, the last token as when decoding, with the caches of `createStates`. */
export async function keptOf(
  decoder: Decoder,
  ids: readonly number[],
  layer: number,
): Promise<FetchedStates> {
  using session = decoder.start({ capacity: ids.length });
  try {
    if (ids.length > 1) session.step(ids.slice(0, -1)).dispose();
    session.step(ids.slice(-1)).dispose();
  } catch (error) {
    // a part of it must be read at once (a prefix): nothing has changed then
    if (!ValueError.isInstance(error)) throw error;
    session.crop(0);
    session.step(ids).dispose();
  }
  const own = session.states[layer]!;
  const state = session.states.find(({ id }) => id === own.spec.producer) ?? own;
  const { id, spec } = state;
  const { kind } = spec;
  if (kind === 'recurrent') {
    const tensors = await Promise.all(
      Object.entries(state.constants()).map(async ([name, tensor]) => {
        const columns = tensor.shape.at(-1)!;
        const values = await copyOf(tensor);
        return { name, rows: values.length / columns, columns, values, positions: undefined };
      }),
    );
    return { id, kind, tensors };
  }
  const view = state.view();
  const slots = view.valid;
  const listed = view.keyPositions && Array.from(await view.keyPositions.data());
  const positions = Array.from({ length: slots }, (_, n) => listed?.[n] ?? n);
  const tensors = await Promise.all(
    Object.entries(view.rows).map(async ([name, tensor]) => {
      const columns = tensor.shape.slice(2).reduce((a, b) => a * b, 1);
      const values = (await copyOf(tensor)).slice(0, slots * columns);
      return { name, rows: slots, columns, values, positions };
    }),
  );
  return { id, kind, tensors };
}

async function copyOf(tensor: Tensor): Promise<Float32Array> {
  return ((await tensor.data()) as Float32Array).slice();
}
