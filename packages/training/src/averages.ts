import { add, binary, scope, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { copyParams, disposeParams, mapParams, overwrite, type Params } from './params.ts';

/**
 * An exponential average of weights, often better than the last ones: `ā ← d · ā + (1 − d) · p`. Polyak & Juditsky 1992;
 * in this form Tarvainen & Valpola 2017, eq. 1.
 */
export class Average implements Disposable {
  readonly decay: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly #params: Params;

  /** @throws {ValueError} unless the decay is from 0 to below 1. */
  constructor(params: Params, decay: number) {
    if (!(decay >= 0 && decay < 1))
      throw new ValueError('Average', 'decay', 'must be from 0 to below 1', decay);
    this.decay = decay;
    this.#params = params;
    this.tensors = copyParams(params);
  }

  /** Takes the parameters in, as they are now. @throws {DeviceError} if the device fails. */
  update(): void {
    scope(() =>
      overwrite(this.tensors, () =>
        mapParams(this.tensors, (average, name) => {
          const d = tensor(average.device, [this.decay], []);
          return add(binary(average, d, 'multiply'), this.#params[name]!, { scale: 1 - this.decay });
        }),
      ),
    );
  }

  /** Never throws. */
  dispose(): void {
    disposeParams(this.tensors);
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
