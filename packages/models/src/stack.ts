import type { LayerShape } from '@headwise/attention-variants';
import {
  type AttentionExtra,
  type Device,
  DeviceError,
  type LayerSpec,
  ShapeError,
  scope,
  type Tensor,
  ValueError,
} from '@headwise/tensor';
import {
  type Block,
  type Blocks,
  type BlockWeights,
  blockAt,
  blockParameters,
  blockStates,
  blockWeights,
} from './block.ts';
import type { Flow, Part, Shapes, Weights } from './part.ts';
import { tapWithin } from './taps.ts';

/** What a look inside gets, layer by layer. The tensors are freed after the call; `keep()` one to hold on to it. */
export interface LayerLook {
  readonly layer: number;
  /** `[B, L, E]`, what comes out of the block. */
  readonly y: Tensor<'B L E'>;
  /** What was asked of the block's first attention by name: `weights [B, H, Lq, Lk]`, … */
  readonly extras: { readonly [Name in AttentionExtra]?: Tensor };
  /** The same of each part of the block that has it, by the part's name. */
  readonly parts: Readonly<Record<string, { readonly [Name in AttentionExtra]?: Tensor }>>;
}

/** Names and shapes of the weights of all blocks: `layers.0.attention.q`, … */
export function stackParameters(blocks: Blocks, shape: LayerShape): Shapes {
  const shapes: Record<string, readonly number[]> = {};
  for (let layer = 0; layer < shape.layers; layer++) {
    const block = blockAt(blocks, layer);
    for (const part of block.parts) part.check(shape);
    for (const [name, size] of Object.entries(blockParameters(block, shape, layer)))
      shapes[`layers.${layer}.${name}`] = size;
  }
  return shapes;
}

/** What all blocks keep, by id, in the order of the layers; `keeps` chooses the states of the text or of the source. */
export function stackStates(
  blocks: Blocks,
  shape: LayerShape,
  keeps?: Part['keeps'],
): Readonly<Record<string, LayerSpec>> {
  const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
  return Object.assign(
    {},
    ...layers.map((layer) => blockStates(blockAt(blocks, layer), shape, layer, keeps)),
  );
}

/**
 * What can be tapped of a stack of blocks, in the order of a step: `layers.0.attention.q`, `layers.0.attention` (what the
 * part adds), `layers.0` (the residual stream after it), … Never throws.
 */
export function stackTaps(blocks: Blocks, shape: LayerShape): readonly string[] {
  return Array.from({ length: shape.layers }, (_, layer) => {
    const parts = blockAt(blocks, layer).parts.flatMap((part) => [
      ...(part.taps?.(shape, layer) ?? []).map((name) => `${part.name}.${name}`),
      part.name,
    ]);
    return [...parts.map((name) => `layers.${layer}.${name}`), `layers.${layer}`];
  }).flat();
}

/** Weights of a stack that only choose what is read: `layers.0.attention.indexKey`, … Never throws. */
export function stackChoosing(blocks: Blocks, { layers }: LayerShape): readonly string[] {
  return Array.from({ length: layers }, (_, layer) =>
    blockAt(blocks, layer).parts.flatMap(({ name, choosing = [] }) =>
      choosing.map((weight) => `layers.${layer}.${name}.${weight}`),
    ),
  ).flat();
}

/** What comes out of a block. */
export interface BlockResult {
  /** `[B, L, E]` */
  readonly y: Tensor<'B L E'>;
  /** What `extras` asked for, by part and name. */
  readonly extras: Readonly<Record<string, { readonly [Name in AttentionExtra]?: Tensor }>>;
}

/**
 * Runs one block: its parts through its arrangement.
 *
 * @param x `[B, L, E]`
 * @param weights by the names of `blockParameters`
 * @throws what a part throws.
 */
export function runBlock(
  { parts, norm, arrange }: Block,
  x: Tensor<'B L E'>,
  weights: BlockWeights,
  layer: number,
  flow: Flow,
): BlockResult {
  const extras: Record<string, { readonly [Name in AttentionExtra]?: Tensor }> = {};
  const sublayers = parts.map((part) => ({
    name: part.name,
    run: (input: Tensor<'B L E'>) => {
      const name = `layers.${layer}.${part.name}`;
      const tap = flow.tap && tapWithin(flow.tap, name);
      const result = part.run({ ...flow, tap, x: input, weights: weights[part.name]!, layer });
      if (result.extras) extras[part.name] = result.extras;
      return flow.tap?.pass(name, result.y) ?? result.y;
    },
  }));
  const y = arrange.run(x, sublayers, (name, value) => norm.apply(value, weights[name]!));
  return { y, extras };
}

/** The blocks of a model with their weights. */
export class Stack {
  readonly shape: LayerShape;
  readonly #layers: readonly { readonly block: Block; readonly weights: BlockWeights }[];
  /** Whether one decode step is the same calls as the next, in all parts. */
  readonly stepsAlike: boolean;
  readonly #regimes: readonly ((length: number) => number)[];

  /** @throws {DeviceError} naming the parts that the device cannot run, before anything is computed. */
  constructor(model: string, device: Device, blocks: Blocks, shape: LayerShape, weights: Weights) {
    this.shape = shape;
    this.#layers = Array.from({ length: shape.layers }, (_, layer) => {
      const block = blockAt(blocks, layer);
      return { block, weights: blockWeights(block, weights, `layers.${layer}.`) };
    });
    this.stepsAlike = this.#layers.every(({ block }) =>
      block.parts.every((part) => part.stepsAlike === true),
    );
    const regimes = this.#layers.flatMap(({ block }) => block.parts.map(({ regime }) => regime));
    this.#regimes = [...new Set(regimes)].filter((regime) => regime !== undefined);
    const reasons = this.#layers.flatMap(({ block }, layer) =>
      block.parts.flatMap((part) =>
        part.reasonsAgainst(device, shape, layer).map((reason) => `layers.${layer}.${part.name}: ${reason}`),
      ),
    );
    if (reasons.length > 0)
      throw new DeviceError(
        device.name,
        `cannot run the ${model}`,
        reasons.slice(0, 8),
        'Choose another device.',
      );
  }

  /** Names the angles of a text of this length. */
  regime(length: number): string {
    return this.#regimes.map((regime) => regime(length)).join();
  }

  /** Makes the tables of positions that calls up to a length need. */
  reserve(device: Device, end: number): void {
    if (end === Infinity) return;
    for (const { block } of this.#layers)
      for (const part of block.parts) part.reserve(device, this.shape, end);
  }

  /** Frees those tables. */
  release(): void {
    for (const { block } of this.#layers) for (const part of block.parts) part.release?.();
  }

  /**
   * `[B, L, E]` through all blocks.
   *
   * @param before is called before each layer: to give up between two
   */
  run(
    x: Tensor<'B L E'>,
    flow: Omit<Flow, 'shape'>,
    {
      look,
      before,
    }: { look?: ((look: LayerLook) => void) | undefined; before?: (() => void) | undefined } = {},
  ): Tensor<'B L E'> {
    const whole = { ...flow, shape: this.shape };
    return this.#layers.reduce((h, { block, weights }, layer) => {
      before?.();
      // of what a layer makes on the way nothing outlives it: a long prompt has room for one layer, not for all
      const { y: made, extras } = scope(() => runBlock(block, h, weights, layer, whole));
      const y = flow.tap?.pass(`layers.${layer}`, made) ?? made;
      look?.({ layer, y, extras: Object.values(extras)[0] ?? {}, parts: extras });
      return y;
    }, x);
  }
}

/**
 * Compares the weights of a model with those it asks for.
 *
 * @throws {ValueError} naming the weights that are missing or not the model's.
 * @throws {ShapeError} naming the first weight of a wrong shape.
 */
export function checkModelWeights(model: string, wanted: Shapes, weights: Weights): void {
  const given = Object.keys(weights);
  const missing = Object.keys(wanted).filter((name) => !Object.hasOwn(weights, name));
  const unknown = given.filter((name) => !Object.hasOwn(wanted, name));
  if (missing.length + unknown.length > 0) {
    const parts = [
      missing.length > 0 && `missing ${missing.join(', ')}`,
      unknown.length > 0 && `unknown ${unknown.join(', ')}`,
    ];
    const rule = `must be those of ${model}Parameters (${parts.filter(Boolean).join('; ')})`;
    throw new ValueError(model, 'weights', rule, `${given.length} weights`);
  }
  for (const [name, shape] of Object.entries(wanted)) {
    const got = weights[name]!.shape;
    if (got.length !== shape.length || got.some((size, i) => size !== shape[i]))
      throw new ShapeError(model, `${name} must be [${shape.join(', ')}]`, [{ name, axes: [], shape: got }]);
  }
}
