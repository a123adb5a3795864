import { bindAxes, type StateView, slice, type Tensor } from '@headwise/tensor';
import { checkWeights } from './checks.ts';
import type { AttendCall, AttendResult, LayerCall, LayerResult } from './contract.ts';
import type { SoftmaxVariant } from './softmax-variant.ts';
import {
  mergeHeads,
  placement,
  positionBias,
  project,
  rotate,
  rotateQueries,
  softmaxAttention,
  splitHeads,
} from './wiring.ts';

/** Names of the rows of keys: `k`, or one for each map of a head. */
export function keyNames(maps: number): readonly string[] {
  return maps === 1 ? ['k'] : Array.from({ length: maps }, (_, m) => `k${m + 1}`);
}

/** The score form of a softmax variant: `q [B, Lq, H, D]` and the rest as the caller has them. */
export function attendMaps<Options extends object>(
  spec: SoftmaxVariant<string, Options>,
  call: AttendCall,
  options: Options,
): AttendResult {
  const { weights = {}, layer = 0 } = call;
  bindAxes(spec.name, { q: [call.q, 'B Lq H D'], k: [call.k, 'B Lk Hkv Dk'] });
  const [, , H = 1, D = 1] = call.q.shape;
  const learned = spec.parameters?.({ E: H * D, H, D, layers: layer + 1 }, options, layer) ?? {};
  checkWeights(spec.name, weights, Object.keys(learned));
  const keys = splitMaps(call.k, spec.row?.maps ?? 1);
  return score(spec, { ...call, keys }, weights, options, layer);
}

/** The layer form of a softmax variant; the call is checked. */
export function runLayer<Options extends object>(
  spec: SoftmaxVariant<string, Options>,
  call: LayerCall<Options>,
  { H, Hkv, maps }: { readonly H: number; readonly Hkv: number; readonly maps: number },
): LayerResult {
  const { x, weights, state, positions, shape, options, layer, extras } = call;
  const L = x.shape[1]!;
  const q = splitHeads(project(x, weights, 'q'), H);
  const append = (k: Tensor): StateView =>
    state.append(
      { ...named(splitMaps(k, maps)), v: splitHeads(project(x, weights, 'v'), Hkv / maps) },
      positions,
    );
  const producer = spec.producer?.(shape, options, layer) ?? layer;

  let turned: Tensor;
  let view: StateView;
  if (producer !== layer) {
    view = state.view();
    turned = rotateQueries(call, q, view.turnQueriesAt);
  } else if (state.turnsKeys) {
    view = append(splitHeads(project(x, weights, 'k'), Hkv));
    turned = rotateQueries(call, q, view.turnQueriesAt);
  } else {
    const both = rotate(call, q, splitHeads(project(x, weights, 'k'), Hkv));
    view = append(both.k);
    turned = both.q;
  }

  const keys = keyNames(maps).map((name) => view.rows[name]!);
  const bias = positionBias(call, { H: H / maps, Lq: L, Lk: keys[0]!.shape[1]! }, view);
  const parts = { q: turned, keys, v: view.rows.v!, ...placement(view), ...bias, extras };
  const { out, ...more } = score(spec, parts, weights, options, layer);
  return { y: project(mergeHeads(out), weights, 'o'), state, ...more };
}

/** One softmax a map, the row hook's combination of them, and its last touch. */
function score<Options extends object>(
  spec: SoftmaxVariant<string, Options>,
  call: Omit<AttendCall, 'k' | 'weights' | 'layer'> & { readonly keys: readonly Tensor[] },
  weights: Readonly<Record<string, Tensor>>,
  options: Options,
  layer: number,
): AttendResult {
  const { row } = spec;
  spec.checkExtras?.(call.extras ?? []);
  const sinks = row?.sinks?.(weights, options, layer);
  const parts = spec.score(options, layer);
  const queries = splitMaps(spec.query?.(call.q, weights, options) ?? call.q, call.keys.length);
  const maps = call.keys.map((k, m) =>
    softmaxAttention(spec.name, { ...call, q: queries[m]!, k }, parts, sinks),
  );
  const combined: Record<string, Tensor> = {};
  for (const name of Object.keys(maps[0]!) as (keyof AttendResult)[]) {
    const each = maps.map((map) => map[name]!);
    combined[name] = row?.combine ? row.combine(each, weights, options, layer) : each[0]!;
  }
  const out = row?.finish?.(combined.out!, weights, options, layer) ?? combined.out!;
  return { ...combined, out };
}

/** `[B, L, maps · H, D]` → one `[B, L, H, D]` a map: heads `maps · h + m`. */
function splitMaps(x: Tensor, maps: number): readonly Tensor[] {
  if (maps === 1) return [x];
  const [B, L, heads, D] = x.shape as [number, number, number, number];
  const pairs = x.reshape([B, L, heads / maps, maps * D]);
  return Array.from({ length: maps }, (_, m) => slice(pairs, m * D, D));
}

function named(keys: readonly Tensor[]): Record<string, Tensor> {
  const names = keyNames(keys.length);
  return Object.fromEntries(keys.map((key, m) => [names[m]!, key]));
}
