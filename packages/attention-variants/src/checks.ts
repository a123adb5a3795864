import {
  bindAxes,
  checkFields,
  describeShapes,
  type LayerSpec,
  ShapeError,
  stateId,
  ValueError,
} from '@headwise/tensor';
import type { AttendCall, LayerCall, LayerShape } from './contract.ts';

/** @throws {ValueError} unless the value is a whole number ≥ 1. */
export function checkCount(variant: string, argument: string, value: number, cure = ''): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new ValueError(variant, argument, `must be a whole number ≥ 1${cure && ` (${cure})`}`, value);
}

/** @throws {ValueError} unless the value is one of the choices. */
export function checkChoice(
  variant: string,
  argument: string,
  value: string,
  choices: readonly string[],
): void {
  if (!choices.includes(value))
    throw new ValueError(variant, argument, `must be ${choices.join(' or ')}`, value);
}

/** The window option that several variants have. @throws {ValueError} for a window of 0. */
export function checkWindow(variant: string, window: number): void {
  checkCount(variant, 'window', window, 'it counts the query itself, so 1 sees the query only');
}

/** @throws {ValueError} unless every size of the shape is a whole number ≥ 1. */
export function checkLayerShape(variant: string, shape: LayerShape): void {
  checkFields(variant, 'shape', shape);
  const { E, H, D, Dv, layers, Es } = shape;
  for (const [name, size] of Object.entries({ E, H, D, Dv: Dv ?? D, layers, Es: Es ?? E }))
    checkCount(variant, `shape.${name}`, size);
}

/** @throws {ShapeError} unless the query heads split evenly into groups, naming the head counts that would. */
export function checkGroups(variant: string, H: number, Hkv: number): void {
  checkCount(variant, 'Hkv', Hkv);
  if (H % Hkv === 0) return;
  const fitting = Array.from({ length: H }, (_, i) => i + 1).filter((count) => H % count === 0);
  throw new ShapeError(
    variant,
    `H = ${H} query heads cannot be split into Hkv = ${Hkv} groups; Hkv may be ${fitting.join(', ')}`,
    [],
    'H',
  );
}

/**
 * Checks what a call of the score form brings, before anything is computed.
 *
 * @param Hkv of the keys, by what was configured; undefined where the keys may say it themselves
 * @throws {ValueError} for a tensor that was forgotten.
 * @throws {ShapeError} if there are more or fewer key heads than configured.
 */
export function checkAttendCall(
  variant: string,
  call: AttendCall,
  Hkv: (H: number) => number | undefined,
): void {
  checkFields(variant, 'call', call, ['q', 'k', 'v']);
  const { q, k } = call;
  const { H, Hkv: got } = bindAxes(variant, { q: [q, 'B Lq H D'], k: [k, 'B Lk Hkv Dk'] });
  const wanted = Hkv(H);
  if (wanted === undefined || wanted === got) return;
  throw new ShapeError(
    variant,
    `k has ${got} heads, and Hkv = ${wanted} of H = ${H} is what this variant is configured for`,
    describeShapes({ q: [q, 'B Lq H D'], k: [k, 'B Lk Hkv D'] }),
    'Hkv',
  );
}

/** @throws {ValueError} unless every learned tensor of the score is there. */
export function checkWeights(
  variant: string,
  weights: Readonly<Record<string, unknown>>,
  names: readonly string[],
): void {
  const missing = names.find((name) => !weights[name]);
  if (missing === undefined) return;
  const rule = `must be given: this variant's score learns ${names.join(', ')}`;
  throw new ValueError(variant, `weights["${missing}"]`, rule, weights[missing]);
}

/** For a variant without a softmax. @throws {ValueError} if something of one is asked for. */
export function refuseExtras(variant: string, extras: readonly string[]): void {
  if (extras.length === 0) return;
  throw new ValueError(variant, 'extras', 'cannot be returned: there is no softmax and no score', extras);
}

/**
 * For a variant that sums up its keys: refuses parts of a score, and placements, that such a sum cannot have.
 *
 * @throws {ValueError} naming the part.
 */
export function refuseScoreParts(variant: string, call: AttendCall, causal: boolean): void {
  refuseExtras(variant, call.extras ?? []);
  const parts = ['bias', 'slopes', 'modifiers', 'keyPositions', 'queryPositions', 'keyUntil'] as const;
  const given = parts.find((part) => call[part] !== undefined);
  if (given)
    throw new ValueError(variant, given, 'has no meaning here: there are no scores to act on', 'one');
  const Lk = call.k.shape[1]!;
  if (call.valid !== undefined && call.valid !== Lk)
    throw new ValueError(variant, 'valid', `must be all ${Lk} keys: they are summed up`, call.valid);
  const Lq = call.q.shape[1]!;
  if (Lq !== Lk) {
    const rule = `must have as many tokens as k (${Lk}): use the layer form to decode`;
    throw new ValueError(variant, 'q', rule, Lq);
  }
  if (causal && (call.offset ?? 0) !== 0) {
    const rule = 'must be 0: earlier tokens are in the state of the layer form';
    throw new ValueError(variant, 'offset', rule, call.offset);
  }
}

/** The parts of a variant that say what a call must look like. */
interface Described<Options> {
  readonly name: string;
  readonly check: (shape: LayerShape, options: Options) => void;
  readonly parameters: (
    shape: LayerShape,
    options: Options,
    layer: number,
  ) => Readonly<Record<string, readonly number[]>>;
  readonly kv: (shape: LayerShape, options: Options, layer: number) => LayerSpec;
}

/**
 * Checks one call of a layer before anything is computed or remembered, so that a bad one leaves the state as
 * it was.
 *
 * @returns the sizes of x
 * @throws {ShapeError | ValueError} naming the argument and the cure.
 */
export function checkLayerCall<Options>(
  variant: Described<Options>,
  call: LayerCall<Options>,
): { readonly B: number; readonly L: number } {
  const { name } = variant;
  checkFields(name, 'call', call, ['x', 'weights', 'state', 'positions', 'shape', 'options', 'layer']);
  const { x, weights, positions, shape, options, layer } = call;
  variant.check(shape, options);
  if (!Number.isInteger(layer) || layer < 0 || layer >= shape.layers) {
    throw new ValueError(name, 'layer', `must be from 0 to ${shape.layers - 1}`, layer);
  }
  const { B, L, E } = bindAxes(name, {
    x: [x, 'B L E'],
    positions: [positions, positions.shape[0] === 1 ? '1 L' : 'B L'],
  });
  if (E !== shape.E) {
    const shapes = [{ name: 'x', axes: ['B', 'L', 'E'], shape: x.shape }];
    throw new ShapeError(name, `x is ${E} wide, the model is E = ${shape.E}`, shapes, 'E');
  }
  for (const [key, wanted] of Object.entries(variant.parameters(shape, options, layer))) {
    const weight = weights[key];
    if (!weight) {
      const rule = `is missing: layer ${layer} needs [${wanted.join(', ')}]`;
      throw new ValueError(name, `weights["${key}"]`, rule, weight);
    }
    if (weight.shape.length !== wanted.length || wanted.some((size, i) => size !== weight.shape[i])) {
      const problem = `weights["${key}"] must be [${wanted.join(', ')}] for layer ${layer} of E = ${shape.E}, H = ${shape.H}, D = ${shape.D}`;
      throw new ShapeError(name, problem, [{ name: key, axes: [], shape: weight.shape }]);
    }
  }
  checkState(name, call, variant.kv(shape, options, layer), B);
  return { B, L };
}

function checkState<Options>(
  name: string,
  { state, layer, id = stateId(layer) }: LayerCall<Options>,
  wanted: LayerSpec,
  B: number,
): void {
  if (state.id !== id)
    throw new ValueError(name, 'state', `must be ${id}, that of the layer which is called`, state.id);
  const want = describeSpec(wanted);
  const got = describeSpec(state.spec);
  if (want !== got) {
    const rule = `must keep ${want}; make it from kv(shape, options, ${layer})`;
    throw new ValueError(name, 'state', rule, `one that keeps ${got}`);
  }
  if (state.B !== B) {
    throw new ValueError(name, 'state', `must hold the ${B} sequences of x`, `one of ${state.B}`);
  }
}

/** `full k [2, 8], v [2, 8]`; a cache may have a capacity of its own, so the cap counts only for windows. */
function describeSpec({ kind, rows, pooled = {}, constant, producer, cap, sinks = 0 }: LayerSpec): string {
  const shapes = (of: LayerSpec['rows']): string =>
    Object.entries(of)
      .map(([key, shape]) => `${key} [${shape.join(', ')}]`)
      .join(', ');
  const blocks = Object.entries(pooled).map(
    ([key, { of, row, every, over = every }]) =>
      `${key} [${row.join(', ')}] of ${over} ${of} every ${every} tokens`,
  );
  const parts = [shapes(rows), blocks.join(', '), shapes(constant)].filter((part) => part !== '');
  const first = sinks > 0 ? `, the first ${sinks} for good` : '';
  const window = kind === 'window' ? ` of ${cap} tokens${first}` : '';
  const from = producer === undefined ? '' : ` with ${producer}`;
  return [`${kind}${window}${from}`, ...parts].join(': ');
}
