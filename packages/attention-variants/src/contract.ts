import type { LayerSpec, LayerState, PositionEncoding, Positions, StateKind, Tensor } from '@headwise/tensor';

/** Where a variant comes from. */
export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly arxiv?: string;
}

/** The shape of the model around the attention; what a variant adds to it stands in its options. */
export interface LayerShape {
  /** Model width. */
  readonly E: number;
  /** Query heads. */
  readonly H: number;
  /** Width of a query and key head. */
  readonly D: number;
  /** Width of a value head. Default `D`. */
  readonly Dv?: number;
  /** Layers of the model. */
  readonly layers: number;
}

/** Useful work of one call of one layer, for `Lq` queries that end at length `Lk`. Projections included. */
export interface Cost {
  /** Multiply and add counted as two; causal and windowed pairs counted once and only when seen. */
  readonly flops: number;
  /** Of these, the ones between queries and keys, and between weights and values. */
  readonly attentionFlops: number;
  /** Numbers read from the layer's state (an own one or a shared one). */
  readonly stateReads: number;
  /** Numbers read of the weights. */
  readonly weightReads: number;
}

/** One call of one layer. Nothing is hidden: the state comes in and goes out. */
export interface LayerCall<Options> {
  /** `[B, L, E]`, normalised by the block. */
  readonly x: Tensor<'B L E'>;
  /** By the names of `parameters`. */
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly state: LayerState;
  /** Of the L tokens. */
  readonly positions: Positions;
  /** Rotation or bias; one that is added to embeddings is the model's business. */
  readonly position?: PositionEncoding | undefined;
  readonly shape: LayerShape;
  readonly options: Options;
  /** Index of the layer, from 0. */
  readonly layer: number;
  /** `[B, Ls, Es]`: where keys and values come from in cross-attention. */
  readonly source?: Tensor<'B Ls Es'> | undefined;
}

/** What a layer hands back. */
export interface LayerResult {
  /** `[B, L, E]` */
  readonly y: Tensor<'B L E'>;
  readonly state: LayerState;
}

/**
 * One attention variant: what it is (from config alone), how tokens become queries, keys and values, and which
 * declared parts its score has. It never loops over scores; one executor does.
 */
// biome-ignore lint/suspicious/noExplicitAny: a variant of any options; registries keep the exact types
export interface AttentionVariant<Name extends string = string, Options extends object = any> {
  readonly name: Name;
  /** `Grouped-query attention (GQA)` */
  readonly title: string;
  /** What it saves or costs, in one sentence. */
  readonly summary: string;
  readonly paper: Paper;
  /** What its layers keep (a variant that shares layers says what a producer keeps). */
  readonly state: StateKind;
  readonly defaults: Options;

  /**
   * @throws {ShapeError | ValueError} if options and shape do not fit each other.
   */
  readonly check: (shape: LayerShape, options: Options) => void;
  /** Shapes of the weights of a layer by name, in the order of use; projections are `[out, in]`. */
  readonly parameters: (
    shape: LayerShape,
    options: Options,
    layer: number,
  ) => Readonly<Record<string, readonly number[]>>;
  /** What a layer keeps. Pure: estimator, allocator and benchmark call it. */
  readonly kv: (shape: LayerShape, options: Options, layer: number) => LayerSpec;
  readonly cost: (
    shape: LayerShape,
    options: Options,
    call: { readonly B: number; readonly Lq: number; readonly Lk: number; readonly layer: number },
  ) => Cost;
  /** The layer form, for models: projections, encoding, state, attention, output projection. */
  readonly layer: (call: LayerCall<Options>) => LayerResult;
}
