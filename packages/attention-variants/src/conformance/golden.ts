import { createPositions, type Device, type Tensor, tensor } from '@headwise/tensor';
import { difference } from '@headwise/tensor/testing';
import { resolveOptions } from '../configure.ts';
import type { AttentionVariant, GivenOptions, LayerShape } from '../contract.ts';
import { plainStates } from './plain-states.ts';

/** Numbers with a shape, as JSON has them; `null` stands for −∞. */
export interface GoldenArray {
  readonly shape: readonly number[];
  readonly data: readonly (number | null)[];
}

/**
 * Values that somebody else's program computed, as an import of JSON types them: each case is a `GoldenAttend` or a
 * `GoldenLayers`.
 */
export interface GoldenFile {
  /** Which program, in which version, in which precision. */
  readonly program: string;
  readonly cases: readonly { readonly name: string; readonly form: string }[];
}

/** The cases of a file. @throws {TypeError} for a form that is none. */
export function goldenCases({ cases }: GoldenFile): readonly (GoldenAttend | GoldenLayers)[] {
  return cases.map((goldenCase) => {
    if (goldenCase.form === 'attend' || goldenCase.form === 'layers')
      return goldenCase as GoldenAttend | GoldenLayers;
    throw new TypeError(
      `golden case "${goldenCase.name}": form must be attend or layers, got ${goldenCase.form}`,
    );
  });
}

interface GoldenCommon {
  readonly name: string;
  readonly options?: object;
  readonly atol: number;
  readonly rtol: number;
}

/** `inputs`: q, k, v, x, bias, slopes, keyPositions, keyUntil. `weights`: learned tensors. `outputs`: out, weights, lse. */
export interface GoldenAttend extends GoldenCommon {
  readonly form: 'attend';
  readonly layer?: number;
  readonly offset?: number;
  readonly inputs: Readonly<Record<string, GoldenArray>>;
  readonly weights?: Readonly<Record<string, GoldenArray>>;
  readonly outputs: Readonly<Record<string, GoldenArray>>;
}

/** Each call has its own hidden rows; layers that share find what an earlier call has kept. */
export interface GoldenLayers extends GoldenCommon {
  readonly form: 'layers';
  readonly shape: LayerShape;
  readonly source?: GoldenArray;
  /** By layer. */
  readonly weights: Readonly<Record<string, Readonly<Record<string, GoldenArray>>>>;
  readonly calls: readonly {
    readonly layer: number;
    /** Position of the first token. */
    readonly start: number;
    readonly x: GoldenArray;
    readonly y: GoldenArray;
  }[];
}

/**
 * Computes one golden case on a device.
 *
 * @throws {Error} naming the output, the worst element and both values.
 */
export async function runGolden<Options extends object>(
  variant: AttentionVariant<string, Options>,
  goldenCase: GoldenAttend | GoldenLayers,
  device: Device,
): Promise<void> {
  const options = resolveOptions(variant, (goldenCase.options ?? {}) as GivenOptions<Options>);
  if (goldenCase.form === 'attend') await runAttend(variant, options, goldenCase, device);
  else await runLayers(variant, options, goldenCase, device);
}

async function runAttend<Options extends object>(
  variant: AttentionVariant<string, Options>,
  options: Options,
  golden: GoldenAttend,
  device: Device,
): Promise<void> {
  const { q, k, v, ...parts } = upload(device, golden.inputs);
  const { out: _, ...extras } = golden.outputs;
  const result = variant.attend(
    {
      q: q!,
      k: k!,
      v: v!,
      ...parts,
      weights: upload(device, golden.weights ?? {}),
      extras: Object.keys(extras) as 'weights'[],
      ...(golden.layer !== undefined && { layer: golden.layer }),
      ...(golden.offset !== undefined && { offset: golden.offset }),
    },
    options,
  );
  for (const [name, want] of Object.entries(golden.outputs))
    await compare(name, result[name as 'out'], want, golden);
}

async function runLayers<Options extends object>(
  variant: AttentionVariant<string, Options>,
  options: Options,
  { shape, calls, source, weights, ...golden }: GoldenLayers,
  device: Device,
): Promise<void> {
  const specs = Array.from({ length: shape.layers }, (_, layer) => variant.kv(shape, options, layer));
  const B = calls[0]!.x.shape[0]!;
  const states = plainStates(device, B, specs);
  for (const call of calls) {
    const { x } = upload(device, { x: call.x });
    const { y } = variant.layer({
      x: x!,
      weights: upload(device, weights[call.layer] ?? {}),
      state: states[call.layer]!,
      positions: createPositions(device, { start: call.start, L: call.x.shape[1]! }),
      shape,
      options,
      layer: call.layer,
      source: source && upload(device, { source }).source,
    });
    await compare(`y of layer ${call.layer} from token ${call.start}`, y, call.y, golden);
  }
}

const integers = ['keyPositions', 'queryPositions', 'keyUntil'];

function upload(device: Device, arrays: Readonly<Record<string, GoldenArray>>): Record<string, Tensor> {
  const entries = Object.entries(arrays).map(([name, { shape, data }]) => {
    const values = data.map((value) => value ?? -Infinity);
    const uploaded = integers.includes(name)
      ? tensor(device, Int32Array.from(values), shape)
      : tensor(device, values, shape);
    return [name, uploaded as Tensor];
  });
  return Object.fromEntries(entries);
}

async function compare(
  name: string,
  got: Tensor | undefined,
  want: GoldenArray,
  { atol, rtol }: { readonly atol: number; readonly rtol: number },
): Promise<void> {
  if (!got) throw new Error(`${name} is missing`);
  if (String(got.shape) !== String(want.shape))
    throw new Error(`${name} is [${got.shape.join(', ')}], not [${want.shape.join(', ')}]`);
  const values = want.data.map((value) => value ?? -Infinity);
  const { outside, index, got: a, want: b } = difference(await got.data(), values, { atol, rtol });
  if (outside > 0)
    throw new Error(
      `${name}: ${outside} of ${values.length} values differ; the worst, [${index}], is ${a}, not ${b}`,
    );
}
