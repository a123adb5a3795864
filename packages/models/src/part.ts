import type { LayerShape, Tap } from '@headwise/attention-variants';
import type { AttentionExtra, Device, LayerSpec, LayerState, Positions, Tensor } from '@headwise/tensor';

/** Shapes of weights by name; projections are `[out, in]`. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** Weights by name. */
export type Weights = Readonly<Record<string, Tensor>>;

/** What goes through all blocks of one call of a model. */
export interface Flow {
  readonly shape: LayerShape;
  /** Of the L tokens; −1 for a token that is nobody. */
  readonly positions: Positions;
  /** What the model keeps, by id. */
  readonly states: Readonly<Record<string, LayerState>>;
  /** `[B, Ls, Es]`: what cross-attention reads; needed by the first call of its states. */
  readonly source?: Tensor<'B Ls Es'> | undefined;
  /** Of the source's tokens; −1 marks padding. */
  readonly sourcePositions?: Positions | undefined;
  /** For each text, the places of tokens that see all and are seen by all, for parts that know of such tokens. */
  readonly globals?: readonly (readonly number[])[] | undefined;
  /** What attention is to return beside its output: `weights [B, H, Lq, Lk]`, … */
  readonly extras?: readonly AttentionExtra[] | undefined;
  /** Listens to intermediates by name; absent when nobody does. A part gets one of its own names. */
  readonly tap?: Tap | undefined;
}

/** One call of a part. */
export interface PartCall extends Flow {
  /** `[B, L, E]`, normalised where the block's arrangement says so. */
  readonly x: Tensor<'B L E'>;
  /** The part's own, by the names of `parameters`. */
  readonly weights: Weights;
  /** Index of the layer, from 0. */
  readonly layer: number;
}

/** What a part hands back. */
export interface PartResult {
  /** `[B, L, E]` */
  readonly y: Tensor<'B L E'>;
  /** What `extras` asked for, by name. */
  readonly extras?: { readonly [Name in AttentionExtra]?: Tensor };
}

/**
 * A part of a block: attention, cross-attention, a feed-forward, experts. All are the same to a block: they have
 * weights, keep what they keep under ids of their own, and make `[B, L, E]` of `[B, L, E]`.
 */
export interface Part {
  /** Its weights stand under this name in a block: `attention`, `cross`, `mlp`. */
  readonly name: string;
  /** In words, for a listing: `grouped-query attention, rotary`. Default its name. */
  readonly summary?: string | undefined;
  /** Whose tokens its states keep: those of the text, or those of a source that is read once. */
  readonly keeps: 'text' | 'source';
  /** It reads `globals` of a call. Default false. */
  readonly readsGlobals?: boolean | undefined;
  /** @throws {ShapeError | ValueError} if the part does not fit the shape. */
  check(shape: LayerShape): void;
  /**
   * Shapes of its weights in a layer.
   * @throws {ShapeError | ValueError} for a layer that the part does not fit.
   */
  parameters(shape: LayerShape, layer: number): Shapes;
  /**
   * What it keeps in a layer, by id: none, one or several. A shared one names its producer's id.
   * @throws {ShapeError | ValueError} for a layer that the part does not fit.
   */
  states(shape: LayerShape, layer: number): Readonly<Record<string, LayerSpec>>;
  /** Why it cannot run on a device; empty when it can. Never throws. */
  reasonsAgainst(device: Device, shape: LayerShape, layer: number): readonly string[];
  /** What a tap can read and replace inside it, by its own names. Default nothing. */
  readonly taps?: ((shape: LayerShape, layer: number) => readonly string[]) | undefined;
  /** Weights that only choose what is read, which no gradient reaches, by its own names. Default none. */
  readonly choosing?: readonly string[] | undefined;
  /**
   * One step of one token a sequence is the same calls as the next; whatever depends on where the tokens stand is read in
   * tensors. Then a session lets the device do its steps by itself. Default false.
   */
  readonly stepsAlike?: boolean | undefined;
  /** Lengths with the same number have the same angles; absent where angles follow from the position alone. */
  readonly regime?: ((length: number) => number) | undefined;
  /**
   * Makes the tables of positions that calls up to a length need.
   * @throws {DeviceError} if the device has no room.
   */
  reserve(device: Device, shape: LayerShape, end: number): void;
  /** Frees those tables; a later call makes them again. Absent where it makes none. Never throws. */
  readonly release?: (() => void) | undefined;
  /** @throws what its operations and its states throw. */
  run(call: PartCall): PartResult;
}
