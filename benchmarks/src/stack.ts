import type { ConfiguredVariant, LayerShape } from '@headwise/attention-variants';
import { type Cache, createStates, cropStates, disposeStates, resetStates } from '@headwise/kv-cache';
import {
  createPositions,
  type Device,
  type DType,
  keep,
  type LayerSpec,
  type Pool,
  type Positions,
  scope,
  sizeOf,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { randomValues } from './random.ts';

type Weights = Readonly<Record<string, Tensor>>;

/** The attention layers of a model, alone: no feed-forward, no norm. What the attention suite times and checks. */
export interface StackOptions {
  readonly device: Device;
  readonly variant: ConfiguredVariant;
  readonly shape: LayerShape;
  readonly B: number;
  /** Most tokens of a sequence. */
  readonly capacity: number;
  readonly seed: number;
}

/**
 * Layers of one variant with random weights and real states. Every layer reads the same `x`, so that nothing but the
 * attention is in the time; consumers of a shared cache stand behind their producers, as in a model.
 */
export class Stack {
  readonly states: Cache[];
  /** What the device counted when the states were made. */
  readonly stateBytes: number;
  readonly parameters: number;
  /** What the device counted for states and weights together. */
  readonly ownBytes: number;
  readonly #options: StackOptions;
  readonly #weights: readonly Weights[];
  /** Rows that are put in again and again, by layer and tokens. */
  readonly #rows = new Map<string, Weights>();
  readonly #owned: { dispose(): void }[] = [];
  #seeded = -1;

  constructor(options: StackOptions) {
    const { device, B, capacity } = options;
    this.#options = options;
    options.variant.check(options.shape);
    const before = device.memory.liveBytes;
    this.states = createStates(specsOf(options.variant, options.shape), { device, B, capacity });
    this.stateBytes = device.memory.liveBytes - before;
    this.#weights = layersOf(options.shape).map((layer) => this.#layerWeights(layer));
    this.parameters = this.#weights.reduce(
      (sum, weights) => sum + Object.values(weights).reduce((total, { size }) => total + size, 0),
      0,
    );
    this.ownBytes = device.memory.liveBytes - before;
  }

  /** Random input `[B, L, E]`; the same numbers for the same L on every device. */
  input(L: number): Tensor<'B L E'> {
    const { device, B, shape, seed } = this.#options;
    return this.#own(tensor<'B L E'>(device, randomValues(B * L * shape.E, seed + 7 * L), [B, L, shape.E]));
  }

  positions(start: number, L: number): Positions {
    const positions = createPositions(this.#options.device, { start, L });
    this.#own(positions.tensor);
    return positions;
  }

  /** Runs all layers on L tokens; the outputs `[B, L, E]` of the layers, the caller's to dispose. */
  run(x: Tensor<'B L E'>, positions: Positions): Tensor<'B L E'>[] {
    const { variant, shape } = this.#options;
    return scope(() =>
      this.#weights.map((weights, layer) => {
        const state = this.states[layer]!;
        // the source of cross-attention is as long as the target, and read by the first call only
        const source = variant.variant.needsSource && state.length === 0 ? { source: x as Tensor } : {};
        return variant.layer({ x, weights, state, positions, shape, layer, ...source }).y;
      }),
    );
  }

  /** Runs all layers and lets go of what they return: for the clock. */
  runOnly(x: Tensor<'B L E'>, positions: Positions): void {
    for (const y of this.run(x, positions)) y.dispose();
  }

  /** Puts random rows into the states until they are `tokens` long: as if so many tokens had been read. */
  fill(tokens: number): void {
    if (this.#crop(tokens)) return;
    resetStates(this.states);
    this.#seeded = tokens;
    if (tokens === 0) return;
    for (const [layer, state] of this.states.entries()) {
      if (state.spec.kind === 'shared') continue;
      if (state.spec.kind === 'recurrent') state.advance(this.#constants(layer), tokens);
      else this.#append(layer, tokens);
    }
  }

  dispose(): void {
    disposeStates(this.states);
    for (const one of this.#owned) one.dispose();
    for (const group of [...this.#weights, ...this.#rows.values()])
      for (const one of Object.values(group)) one.dispose();
  }

  /** Takes back what was appended, where the caches can: windows that forgot cannot. */
  #crop(tokens: number): boolean {
    if (this.#seeded !== tokens) return false;
    try {
      cropStates(this.states, tokens);
      return true;
    } catch {
      return false;
    }
  }

  #layerWeights(layer: number): Weights {
    const { device, variant, shape, seed } = this.#options;
    const shapes = Object.entries(variant.parameters(shape, layer));
    return Object.fromEntries(
      shapes.map(([name, size], i) => {
        // uniform with variance 1 / fan-in, so that scores and outputs stay near 1
        const scale = Math.sqrt(3 / (size.at(-1) ?? 1));
        const values = randomValues(
          sizeOf(size),
          seed + 1000 * (layer + 1) + i,
          size.length > 1 ? scale : 0.5,
        );
        return [name, keep(tensor(device, values, size))];
      }),
    );
  }

  #append(layer: number, tokens: number): void {
    const state = this.states[layer]!;
    const key = `${layer} ${tokens}`;
    const rows = this.#rows.get(key) ?? this.#randomRows(layer, tokens);
    state.append(rows, undefined, state.spec.pooled && this.#pool(layer));
    // a window forgets what a crop would need, so it is filled anew before every sample
    if (state.spec.kind === 'window') this.#rows.set(key, rows);
    else for (const row of Object.values(rows)) row.dispose();
  }

  #randomRows(layer: number, tokens: number): Weights {
    const { device, B, seed } = this.#options;
    const names = Object.entries(this.states[layer]!.spec.rows);
    return Object.fromEntries(
      names.map(([name, row], i) => {
        const shape = [B, tokens, ...row];
        const values = randomValues(sizeOf(shape), seed + 100_000 * (layer + 1) + i);
        return [name, keep(tensor(device, values, shape))];
      }),
    );
  }

  /** Random rows for those that are made of several tokens, too. */
  #pool(layer: number): Pool {
    const { device, seed } = this.#options;
    const { pooled = {} } = this.states[layer]!.spec;
    return (name, tokens) => {
      const shape = [tokens.shape[0]!, ...pooled[name]!.row];
      const values = randomValues(
        sizeOf(shape),
        seed + 100_000 * (layer + 1) + Object.keys(pooled).indexOf(name) + 50,
      );
      return tensor(device, values, shape);
    };
  }

  #constants(layer: number): Weights {
    const { device, B, seed } = this.#options;
    const names = Object.entries(this.states[layer]!.spec.constant);
    return Object.fromEntries(
      names.map(([name, size], i) => {
        const shape = [B, ...size];
        // non-negative, as the sums of feature maps that such states are
        const values = randomValues(sizeOf(shape), seed + 100_000 * (layer + 1) + i).map(Math.abs);
        return [name, keep(tensor(device, values, shape))];
      }),
    );
  }

  #own<Axes extends string, T extends DType>(one: Tensor<Axes, T>): Tensor<Axes, T> {
    this.#owned.push(keep(one));
    return one;
  }
}

export function specsOf(variant: ConfiguredVariant, shape: LayerShape): LayerSpec[] {
  return layersOf(shape).map((layer) => variant.kv(shape, layer));
}

export function layersOf({ layers }: LayerShape): number[] {
  return Array.from({ length: layers }, (_, layer) => layer);
}
