import { add, type DeviceBuffer, keep, scope, type Tensor } from '@headwise/tensor';
import { mapParams, type Params, zerosLike } from '../params.ts';
import type { Optimizer } from './contract.ts';

/** What an optimizer keeps for parameters: for each rule and each of its names, one tensor a parameter. */
export class OptimizerState implements Disposable {
  readonly optimizer: Optimizer;
  /** Steps made. */
  step = 0;
  readonly #params: Params;
  readonly #kept: readonly Readonly<Record<string, Params>>[];

  constructor(optimizer: Optimizer, params: Params) {
    this.optimizer = optimizer;
    this.#params = params;
    this.#kept = optimizer.rules.map(({ keeps }) =>
      Object.fromEntries(keeps.map((name) => [name, mapParams(params, (tensor) => keep(zerosLike(tensor)))])),
    );
  }

  /** Everything it keeps by name, `0.m.layers.0.attention.q`: to save, and to load into. After a step it may be other tensors. */
  get tensors(): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(
      this.#kept.flatMap((kept, rule) =>
        Object.entries(kept).flatMap(([name, tensors]) =>
          Object.entries(tensors).map(([param, tensor]) => [`${rule}.${name}.${param}`, tensor]),
        ),
      ),
    );
  }

  /**
   * Moves the parameters, in place: `p ← p − rate · rules(gradients)`. Nothing is read back.
   * @param norm the global norm of the gradients, where it is known: then it is not computed again
   * @throws {DeviceError} if the device fails; parameters and state may then be of different steps.
   */
  apply(gradients: Params, rate: number, norm?: Tensor): void {
    const { rules } = this.optimizer;
    let together = rules.length;
    while (together > 0 && rules[together - 1]!.alone) together--;
    scope(() => {
      const updates = this.#through(0, together, gradients, norm);
      for (const [name, param] of Object.entries(this.#params)) {
        scope(() => {
          const own = this.#through(together, rules.length, { [name]: updates[name]! });
          param.write(0, add(param, own[name]!, { scale: -rate }));
        });
      }
    });
    this.step++;
  }

  /** Updates through some of the rules, which then keep what they made of them. */
  #through(from: number, to: number, given: Params, norm?: Tensor): Params {
    let updates = given;
    const after = this.optimizer.rules.slice(from, to).map((rule, i) => {
      const kept = this.#kept[from + i]!;
      const result = rule.apply({
        updates,
        params: this.#params,
        kept,
        step: this.step + 1,
        // of the gradients as they came, and of nothing that a rule has made of them
        norm: updates === given ? norm : undefined,
      });
      updates = result.updates;
      return { kept, next: result.kept ?? {} };
    });
    const taken = new Set<DeviceBuffer>();
    const gone: Tensor[] = [];
    for (const { kept, next } of after)
      for (const [name, tensors] of Object.entries(next))
        for (const [param, tensor] of Object.entries(tensors)) {
          const others = [this.#params[param], given[param]];
          const before = replace(kept[name]!, param, tensor, others, taken);
          if (before) gone.push(before);
        }
    // a rule may hand on under another name what it kept
    for (const before of gone) before.dispose();
    return updates;
  }

  /** Frees what it keeps; the parameters are their owner's. Never throws. */
  dispose(): void {
    for (const tensor of Object.values(this.tensors)) tensor.dispose();
  }

  /** Never throws. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Keeps the memory of a new tensor instead of the one before. What shares it with a tensor that others change in place, or that is
 * kept already, is copied.
 *
 * @returns what is kept no more
 */
function replace(
  kept: Params,
  param: string,
  next: Tensor,
  others: readonly (Tensor | undefined)[],
  taken: Set<DeviceBuffer>,
): Tensor | undefined {
  const before = kept[param]!;
  const buffer = next.use('optimizer');
  if (buffer === before.use('optimizer')) return undefined;
  const isOwn = !taken.has(buffer) && others.every((other) => other?.use('optimizer') !== buffer);
  if (!isOwn || next.size !== before.size) {
    before.write(0, next);
    return undefined;
  }
  taken.add(buffer);
  (kept as Record<string, Tensor>)[param] = keep(next.sharing(before.shape) as Tensor);
  return before;
}
