import type { FileTensor, WeightSource } from '../weight-sources.ts';
import type { ConfigFields } from './config-fields.ts';
import {
  type ExpertCounts,
  type ExpertGroups,
  eachExpert,
  expertCounts,
  expertGroups,
} from './expert-fields.ts';

/** Layers with experts, as DeepSeek's files say them. */
export interface DeepseekExperts extends ExpertCounts, ExpertGroups {
  /** Inner width of an expert. */
  readonly F: number;
  /** Inner width of the one that every token goes through. */
  readonly sharedF: number;
  /** By which the shares are multiplied. */
  readonly scale: number;
}

/** What a family has where its file is silent. */
export interface SilentExperts {
  /** Layers without experts, which come first. */
  readonly dense: number;
  readonly X: number;
  readonly k?: number;
  readonly F: number;
  /** Experts that every token goes to, which stand as one. */
  readonly shared: number;
  readonly scale: number;
  /** Absent where tokens do not choose among groups, and the file may say what it likes of them. */
  readonly grouped?: (Partial<ExpertGroups> & { readonly least: number }) | undefined;
}

/**
 * How many layers come first that have no experts, and what the others have: undefined where there are no others, and
 * what the file says of experts has no effect. Never throws.
 *
 * @param silent.listed what another field of the file says instead
 * @param silentOf asked where there are experts
 */
export function deepseekExperts(
  fields: ConfigFields,
  layers: number,
  silent: Pick<SilentExperts, 'dense'> & { readonly listed?: number | undefined },
  silentOf: () => Omit<SilentExperts, 'dense'>,
): { readonly dense: number; readonly experts: DeepseekExperts | undefined } {
  // of experts that no layer has, or of training and of many machines
  fields.ignore('n_routed_experts', 'n_shared_experts', 'num_experts_per_tok', 'moe_intermediate_size');
  fields.ignore('n_group', 'topk_group', 'topk_method', 'norm_topk_prob', 'routed_scaling_factor');
  fields.ignore('scoring_func', 'moe_layer_freq', 'aux_loss_alpha', 'seq_aux', 'ep_size');
  fields.ignore('output_router_logits', 'pretraining_tp');
  const first = 'first_k_dense_replace';
  const said = (fields.get(first) ?? silent.dense) === 0 ? 0 : fields.layers(first, silent.dense);
  const dense = silent.listed ?? said;
  if (dense >= layers || fields.get('n_routed_experts') === null)
    return { dense: layers, experts: undefined };
  fields.only('moe_layer_freq', 1);
  const { X, k, F: silentF, shared, scale, grouped } = silentOf();
  const counts = expertCounts(fields, ['n_routed_experts', X], ['num_experts_per_tok', k]);
  const F = fields.count('moe_intermediate_size', silentF);
  const groups = grouped && expertGroups(fields, 'n_group', counts, grouped, grouped.least);
  return {
    dense,
    experts: {
      ...counts,
      ...(groups ?? { groups: 1, chosenGroups: 1 }),
      F,
      sharedF: F * fields.count('n_shared_experts', shared),
      scale: fields.positive('routed_scaling_factor', scale),
    },
  };
}

/**
 * The same of DeepSeek-V3 and what follows it, whose experts are scored by sigmoids. Never throws.
 *
 * @param listed layers without experts, where another field of the file says so
 */
export function sigmoidExperts(fields: ConfigFields, layers: number, listed?: number) {
  const { dense, experts } = deepseekExperts(fields, layers, { dense: 3, listed }, () => {
    fields.only('scoring_func', 'sigmoid');
    fields.only('topk_method', 'noaux_tc');
    const grouped = { groups: 8, chosenGroups: 4, least: 2 };
    return { X: 256, k: 8, F: 2048, shared: 1, scale: 2.5, grouped };
  });
  const all = experts && { ...experts, sumsToOne: fields.flag('norm_topk_prob', true) };
  return { dense, experts: all };
}

/** Weights of feed-forwards with and without experts, by the names of DeepSeek's files: for `named`. Never throws. */
export function deepseekMlpNames(dense: number, X: number) {
  const mlp = 'model.layers.*.mlp';
  return {
    'layers.*.mlp.router': `${mlp}.gate.weight`,
    'layers.*.mlp.routerBias': `${mlp}.gate.e_score_correction_bias`,
    'layers.*.mlp.{gate,up,down}': (file: FileTensor, layer: number, which: string): WeightSource =>
      layer < dense
        ? file(`model.layers.${layer}.mlp.${which}_proj.weight`)
        : eachExpert(file, X, `model.layers.${layer}.mlp.experts.+.${which}_proj.weight`),
    'layers.*.mlp.{gate,up,down}.bias': `${mlp}.{}_proj.bias`,
    'layers.*.mlp.shared.{gate,up,down}': `${mlp}.shared_experts.{}_proj.weight`,
    'layers.*.mlp.shared.{gate,up,down}.bias': `${mlp}.shared_experts.{}_proj.bias`,
  };
}

/** Shapes of the experts in the file, for a model of width E. Never throws. */
export function deepseekExpertShapes(E: number, { F }: Pick<DeepseekExperts, 'F'>) {
  const at = 'model.layers.*.mlp.experts.*';
  return {
    [`${at}.gate_proj.weight`]: [F, E],
    [`${at}.up_proj.weight`]: [F, E],
    [`${at}.down_proj.weight`]: [E, F],
  };
}
