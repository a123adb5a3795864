import { keep, type Loss, scope, Tensor, watch } from '@headwise/tensor';
import type { Params } from './params.ts';

interface Seen {
  readonly name: string;
  readonly tensor: Tensor;
}

/**
 * Where numbers stopped being numbers: the step is computed once more, forward, and every result looked at in the order
 * in which it was made.
 *
 * @returns a sentence for the error
 */
export async function firstBroken<Batch>(
  {
    params,
    loss,
  }: { readonly params: Params; readonly loss: (params: Params, batch: Batch, step: number) => Loss },
  batches: readonly Batch[],
  step: number,
  found: { readonly loss: number; readonly norm: number },
): Promise<string> {
  const what = Number.isFinite(found.loss)
    ? `the gradients of step ${step} have the norm ${found.norm}, at a loss of ${found.loss}`
    : `the loss of step ${step} is ${found.loss}`;
  for (const [name, tensor] of Object.entries(params)) {
    const at = await brokenAt(tensor);
    if (at)
      return `${what}: the parameter ${name} has ${at}; the step before went wrong (a lower rate, clipping)`;
  }
  for (const batch of batches) {
    const seen: Seen[] = [];
    let count = 0;
    try {
      watch(
        ({ op, results }) => {
          count += 1;
          for (const result of results)
            if (Tensor.isInstance(result) && result.dtype === 'f32')
              seen.push({ name: `${op.name} (operation ${count})`, tensor: shared(result) });
        },
        () => scope(() => void loss(params, batch, step)),
      );
      for (const { name, tensor } of seen) {
        const at = await brokenAt(tensor);
        if (at) return `${what}: the first tensor that is no number is the result of ${name}, with ${at}`;
      }
    } finally {
      for (const { tensor } of seen) tensor.dispose();
    }
  }
  return `${what}; every result on the way forward is a number, so it arose on the way back (a lower rate, clipping)`;
}

/** A tensor of its own over the same memory, which outlives the scope of the other. */
function shared(tensor: Tensor): Tensor {
  return keep(tensor.sharing(tensor.shape) as Tensor);
}

async function brokenAt(tensor: Tensor): Promise<string | undefined> {
  const data = await tensor.data();
  // minus infinity is what masks are made of
  const index = data.findIndex((value) => Number.isNaN(value) || value === Infinity);
  return index < 0 ? undefined : `${data[index]} at ${index} of ${data.length}`;
}
