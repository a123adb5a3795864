import type {
  AttentionExtra,
  LayerSpec,
  LayerState,
  Modifier,
  PositionEncoding,
  Positions,
  StateKind,
  StateView,
  Tensor,
} from '@headwise/tensor';

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
  readonly Dv?: number | undefined;
  /** Layers of the model. */
  readonly layers: number;
  /** Width of the source in cross-attention. Default `E`. */
  readonly Es?: number | undefined;
  /** Projections with a bias, `q.bias [out]` beside `q [out, in]`. Default none. */
  readonly biases?: readonly string[] | undefined;
  /**
   * Norms of queries and keys before they are turned (QK-norm), with gains `qNorm`, `kNorm`: of each head `[D]` (Qwen 3,
   * Gemma 3) or of all heads of a token `[H · D]` (OLMo 2). Softmax variants with q and k of their own have it.
   * Henry et al. 2020, "Query-Key Normalization for Transformers"; here with RMSNorm. Default none.
   */
  readonly headNorm?: { readonly over: 'head' | 'token'; readonly eps: number } | undefined;
  /**
   * A gate on the output before its projection, `σ(gate · x)`: a number a head `gate [H, E]`, or one for each number
   * `gate [H · Dv, E]`. Qiu et al. 2025, "Gated Attention for Large Language Models", section 2.2. Softmax variants
   * have it. Default none.
   */
  readonly gate?: 'head' | 'number' | undefined;
}

/** `Lq` queries that end at length `Lk`, of one layer. */
export interface CostCall {
  readonly B: number;
  readonly Lq: number;
  readonly Lk: number;
  /** Index of the layer, from 0. */
  readonly layer: number;
}

/** Useful work of one call of one layer. Projections included, softmax not. */
export interface Cost {
  /** Multiply and add counted as two; causal and windowed pairs counted once and only when seen. */
  readonly flops: number;
  /** Of these, the ones between queries and keys, and between weights and values. */
  readonly attentionFlops: number;
  /** Numbers read from the layer's state (an own one or a shared one), each once a call. */
  readonly stateReads: number;
  /** Numbers read of the weights, each once a call. */
  readonly weightReads: number;
}

/** Which keys count, and where queries and keys stand: what a cache's view says beside its rows. */
export type Placement = Partial<
  Pick<StateView, 'valid' | 'offset' | 'cursor' | 'keyPositions' | 'queryPositions' | 'keyUntil'>
>;

/** Queries, keys and values that somebody already has. */
export interface AttendCall extends Placement {
  /** `[B, Lq, H, D]` */
  readonly q: Tensor<'B Lq H D'>;
  /** `[B, Lk, Hkv, D]` */
  readonly k: Tensor<'B Lk Hkv D'>;
  /** `[B, Lk, Hkv, Dv]` */
  readonly v: Tensor<'B Lk Hkv Dv'>;
  /**
   * Position of query 0. Default `valid − Lq`: the queries are the last of the keys, as when decoding (0 when
   * there are more queries than keys).
   */
  readonly offset?: number;
  /** `[B, Lq, E]`: what the layer was given, for a variant whose last touch on the output is made from it. */
  readonly x?: Tensor<'B L E'> | undefined;
  /** Learned tensors of the score (sink logits, λ vectors), by the names of `parameters`. */
  readonly weights?: Readonly<Record<string, Tensor>> | undefined;
  /** Added to the scores: `[B | 1, H | 1, Lq, Lk]`. */
  readonly bias?: Tensor<'B H Lq Lk'> | undefined;
  /** ALiBi slopes `[H]`. */
  readonly slopes?: Tensor<'H'> | undefined;
  /** After the variant's own. */
  readonly modifiers?: readonly Modifier[] | undefined;
  /** What to return beside the output, at the cost of materialising it. */
  readonly extras?: readonly AttentionExtra[] | undefined;
  /** Index of the layer, for variants whose layers differ. Default 0. */
  readonly layer?: number | undefined;
}

/** What can be asked for beside the output: `weights [B, H, Lq, Lk]`, `lse [B, H, Lq]` (natural log), … */
export type Extras = { readonly [Name in AttentionExtra]?: Tensor };

/** The output, and what `extras` asked for. */
export interface AttendResult extends Extras {
  /** `[B, Lq, H, Dv]` */
  readonly out: Tensor<'B Lq H Dv'>;
}

/**
 * A look at what a layer computes on its way, or a hand in it, by name. A layer without one computes nothing for it.
 */
export interface Tap {
  /** Whether anybody listens to this name: what would cost something is then computed. Never throws. */
  wants(name: string): boolean;
  /** Hands the value over; what comes back, of the same shape, is gone on with. @throws what the listener throws, and {ShapeError} for another shape. */
  pass<Value extends Tensor>(name: string, value: Value): Value;
}

/** One call of one layer. Nothing is hidden: the state comes in and goes out. */
export interface LayerCall<Options> {
  /** `[B, L, E]`, normalised by the block. */
  readonly x: Tensor<'B L E'>;
  /** By the names of `parameters`; a projection `q` also takes a bias `[out]` under `q.bias`. */
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly state: LayerState;
  /** The id that the state must have. Default `stateId(layer)`. */
  readonly id?: string | undefined;
  /** Of the L tokens; −1 for a token that is nobody, whose rows leave no trace. */
  readonly positions: Positions;
  /** Rotation or bias; one that is added to embeddings is the model's business. */
  readonly position?: PositionEncoding | undefined;
  readonly shape: LayerShape;
  readonly options: Options;
  /** Index of the layer, from 0. */
  readonly layer: number;
  /** `[B, Ls, Es]`: where keys and values come from in cross-attention; read by the first call of a state. */
  readonly source?: Tensor<'B Ls Es'> | undefined;
  /** Of the source's tokens, `[B | 1, Ls]`: −1 marks padding. Default all of them, in order. */
  readonly sourcePositions?: Positions | undefined;
  /** What to return beside y: pictures and probes ask for `weights`. */
  readonly extras?: readonly AttentionExtra[] | undefined;
  /** Listens to the names that the variant's `taps` lists. */
  readonly tap?: Tap | undefined;
}

/** What a layer hands back. */
export interface LayerResult extends Extras {
  /** `[B, L, E]` */
  readonly y: Tensor<'B L E'>;
  readonly state: LayerState;
}

/** Options as a person gives them: each may be left out. */
export type GivenOptions<Options> = { readonly [Key in keyof Options]?: Options[Key] | undefined };

/** The declared parts of a score; what is left out is not there. */
export interface ScoreParts {
  /** Multiplies the dot products. Default `1 / √D`. */
  readonly scale?: number | undefined;
  /** Query at position p sees keys at positions ≤ p. */
  readonly causal: boolean;
  /** `[before, after]`: a key is seen when `−after ≤ q − k ≤ before`. */
  readonly window?: readonly [before: number, after: number] | undefined;
  /** Keys at positions below this are seen whatever causality says. */
  readonly prefix?: number | undefined;
  /** Keys at positions below this are seen whatever the window says. */
  readonly sinkTokens?: number | undefined;
  /** Positions in segments of `length`: a key is seen from its own, and with `anchors` the last one from later ones. */
  readonly segments?: { readonly length: number; readonly anchors: boolean } | undefined;
  /** `c · tanh(s / c)`, before everything else. */
  readonly softcap?: number | undefined;
  readonly modifiers?: readonly Modifier[] | undefined;
}

/** What a variant is, from config alone. */
export interface VariantIdentity<Name extends string, Options extends object> {
  readonly name: Name;
  /** `Grouped-query attention (GQA)` */
  readonly title: string;
  /** What it saves or costs, in one sentence. */
  readonly summary: string;
  readonly paper: Paper;
  /** Every option with its default; `undefined` where the default follows from the shape. */
  readonly defaults: Options;
}

/**
 * One attention variant: what it is (from config alone), how tokens become queries, keys and values, and which
 * declared parts its score has. It never loops over scores; one executor does.
 */
// biome-ignore lint/suspicious/noExplicitAny: a variant of any options; registries keep the exact types
export interface AttentionVariant<Name extends string = string, Options extends object = any>
  extends VariantIdentity<Name, Options> {
  /** What its layers keep (a variant that shares layers says what a producer keeps). */
  readonly state: StateKind;
  /** Keys and values come from `source`, which the first call of a state must bring. */
  readonly needsSource?: boolean;

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
  /** Parameters that only choose what is read: no gradient reaches them, and a training leaves them as they are. */
  readonly choosing?: readonly string[];
  /**
   * One step of one token a sequence is the same calls as the next, with the same parameters: whatever depends on where the
   * tokens stand is read in tensors. Then a device may do it by itself. Default false.
   */
  readonly stepsAlike?: boolean;
  /** What a layer keeps. Pure: estimator, allocator and benchmark call it. */
  readonly kv: (shape: LayerShape, options: Options, layer: number) => LayerSpec;
  readonly cost: (shape: LayerShape, options: Options, call: CostCall) => Cost;
  /** What a tap can read and replace on the way through a layer. Default nothing. */
  readonly taps?: (shape: LayerShape, options: Options, layer: number) => readonly string[];
  /** The declared parts of its score, for pictures and probes; absent where there are no scores. */
  readonly score?: (options: Options, layer: number) => ScoreParts;
  /** Width of the part of a head that an encoding turns. Default the D of the shape. */
  readonly turns?: (shape: LayerShape, options: Options) => number;
  /** The score form, for people who have queries, keys and values. Options left out have their default. */
  readonly attend: (call: AttendCall, options?: GivenOptions<Options>) => AttendResult;
  /** The layer form, for models: projections, encoding, state, attention, output projection. */
  readonly layer: (call: LayerCall<Options>) => LayerResult;
}

/** Keeps the literal name and the option types; does nothing at run time. Never throws. */
/* @__NO_SIDE_EFFECTS__ */
export function defineVariant<const Name extends string, Options extends object>(
  variant: AttentionVariant<Name, Options>,
): AttentionVariant<Name, Options> {
  return variant;
}

/** Keeps names and option types of a map of variants, whose keys must be their names to compile. Never throws. */
/* @__NO_SIDE_EFFECTS__ */
export function defineRegistry<
  const Map extends { readonly [Name in keyof Map]: AttentionVariant<Name & string> },
>(map: Map): Map {
  return map;
}

/** The options of a variant, all optional. */
export type OptionsOf<Variant> =
  Variant extends AttentionVariant<string, infer Options> ? GivenOptions<Options> : never;
