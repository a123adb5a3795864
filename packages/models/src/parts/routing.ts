import {
  add,
  binary,
  expertLinear,
  gather,
  reduce,
  softmax,
  type Tensor,
  tensor,
  topK,
  unary,
  ValueError,
  where,
} from '@headwise/tensor';
import type { Shapes, Weights } from '../part.ts';

/** What a token is given to: `k` experts, and how much each of them counts. */
export interface Chosen {
  /** `[N, k]`, none of them twice */
  readonly experts: Tensor<string, 'i32'>;
  /** `[N, k]` */
  readonly shares: Tensor;
}

/** How tokens find their experts, from the scores of a router. Nothing is read back: ids stay on the device. */
export interface Routing {
  readonly name: string;
  /** Shapes of weights of its own, beside `router [X, E]`, by name. Never throws. */
  parameters(X: number): Shapes;
  /**
   * @param scores `[N, X]`, as the router gives them
   * @param from the tokens `[N, 1, E]` and the weights of the experts, by name
   * @throws {ValueError} if `k` is not in `1 … X`.
   */
  choose(scores: Tensor, k: number, from: { readonly x: Tensor<'N S I'>; readonly weights: Weights }): Chosen;
}

/**
 * The highest scores, and the softmax of these alone, as in Mixtral; the same as shares of all experts that are then made
 * to add up to 1 (Qwen's `norm_topk_prob`).
 *
 * Jiang et al. 2024, "Mixtral of Experts", section 2.1.
 */
export const softmaxOfChosen: Routing = {
  name: 'softmax of the chosen',
  parameters: () => ({}),
  choose(scores, k) {
    const { values, indices } = topK(scores, k);
    return { experts: indices, shares: softmax(values) };
  },
};

/**
 * The highest scores, with the shares that the softmax over all experts gives them: what the others would have got is
 * lost.
 *
 * Fedus et al. 2021, "Switch Transformers", eq. 1 and 2.
 */
export const softmaxOfAll: Routing = {
  name: 'softmax of all',
  parameters: () => ({}),
  choose(scores, k) {
    const { values, indices } = topK(softmax(scores), k);
    return { experts: indices, shares: values };
  },
};

/** Options of a routing over groups of experts. */
export interface GroupedRoutingOptions {
  /** Groups that experts stand in, equally many in each. Default 1. */
  readonly groups?: number | undefined;
  /** Groups that a token may choose from. Default all. */
  readonly chosenGroups?: number | undefined;
  /** By which the shares are multiplied. Default 1. */
  readonly scale?: number | undefined;
}

/** Options of DeepSeek-V3's routing. */
export interface SigmoidRoutingOptions extends GroupedRoutingOptions {
  /** The shares are made to add up to 1, before they are multiplied. Default true. */
  readonly sumsToOne?: boolean | undefined;
}

/** Below every score and its bias. */
const NEVER = -3e38;

/**
 * The shares of the softmax over all experts, where a token first chooses the groups whose best expert scores highest: the
 * devices that experts stand on.
 *
 * ```text
 * s = softmax(r) [X]      e_1 … e_k = the k largest of s, among the experts of the chosen groups      share_i = scale · s[e_i]
 * ```
 *
 * DeepSeek-AI 2024, "DeepSeek-V2", sections 2.2.1 and 2.2.2, eq. 20 to 22.
 *
 * @throws {ValueError} when it runs, if the experts do not stand in groups, or too many are chosen.
 */
export function groupedSoftmaxRouting(options: GroupedRoutingOptions = {}): Routing {
  return {
    name: 'softmax of groups',
    parameters: () => ({}),
    choose(scores, k) {
      const allowed = ofBestGroups(softmax(scores), k, options, { op: 'groupedSoftmaxRouting', best: 1 });
      const { values, indices } = topK(allowed, k);
      return { experts: indices, shares: scaled(values, options) };
    },
  };
}

/**
 * Each expert is scored by itself, and a bias that training moves keeps them equally busy: it has a say in who is
 * chosen and none in the shares. Of several groups a token first chooses those whose best two experts score highest.
 *
 * ```text
 * s = σ(r) [X]      e_1 … e_k = the k largest of s + bias, among the experts of the chosen groups
 * share_i = scale · s[e_i] / (Σ_j s[e_j] + 1e−20)
 * ```
 *
 * DeepSeek-AI 2024, "DeepSeek-V3 Technical Report", section 2.1.2, eq. 12 to 16.
 *
 * @throws {ValueError} when it runs, if the experts do not stand in groups of at least two, or too many are chosen.
 */
export function sigmoidRouting(options: SigmoidRoutingOptions = {}): Routing {
  const { sumsToOne = true } = options;
  return {
    name: 'sigmoid',
    parameters: (X) => ({ routerBias: [X] }),
    choose(scores, k, { x, weights }) {
      const X = scores.shape[1]!;
      const biased = add(unary(scores, 'sigmoid'), weights.routerBias!);
      const allowed = ofBestGroups(biased, k, options, { op: 'sigmoidRouting', best: 2 });
      const { indices } = topK(allowed, k);
      // the scores of the chosen once more, k · E products: what is left of s + bias − bias lacks the digits of a small s
      const again = expertLinear(x, weights.router!, indices, { experts: X }).reshape([scores.shape[0]!, k]);
      const own = unary(again, 'sigmoid');
      const total = add(reduce(own, 'sum').reshape([scores.shape[0]!, 1]), tensor(own.device, [1e-20], []));
      return { experts: indices, shares: scaled(sumsToOne ? binary(own, total, 'divide') : own, options) };
    },
  };
}

function scaled(shares: Tensor, { scale = 1 }: GroupedRoutingOptions): Tensor {
  return scale === 1 ? shares : binary(shares, tensor(shares.device, [scale], []), 'multiply');
}

/**
 * Scores `[N, X]` with those of all but the best groups below every other.
 *
 * @param by.best experts of a group by whose sum it is chosen
 */
function ofBestGroups(
  scores: Tensor,
  k: number,
  { groups = 1, chosenGroups = groups }: GroupedRoutingOptions,
  { op, best }: { readonly op: string; readonly best: number },
): Tensor {
  if (groups === 1) return scores;
  const [N, X] = scores.shape as [number, number];
  const size = X / groups;
  const refuse = (name: string, rule: string, value: number): never => {
    throw new ValueError(op, name, rule, value);
  };
  if (!Number.isInteger(size) || size < best)
    refuse('groups', `must divide the ${X} experts, at least ${best} in each`, groups);
  if (chosenGroups * size < k)
    refuse('chosenGroups', `must have ${k} experts together, of groups of ${size}`, chosenGroups);
  const { values } = topK(scores.reshape([N * groups, size]), best);
  const { indices } = topK(reduce(values, 'sum').reshape([N, groups]), chosenGroups);
  const each = Float32Array.from({ length: groups * groups }, (_, n) => Number(n % (groups + 1) === 0));
  const marks = gather(tensor(scores.device, each, [groups, groups]), indices); // [N, chosen, groups]
  const may = reduce(marks, 'sum', [1]).reshape([N, groups, 1]);
  const never = tensor(scores.device, [NEVER], []);
  return where(may, scores.reshape([N, groups, size]), never).reshape([N, X]);
}
