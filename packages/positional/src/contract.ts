import {
  type BiasPositions,
  type InputEncoding,
  type NoEncoding,
  type PositionBias,
  type Positions,
  type RotaryLayout,
  type Rotation,
  type Tensor,
  ValueError,
} from '@headwise/tensor';

/** Where an encoding comes from. */
export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly arxiv?: string;
  /** Where there is no paper: the page or the code that introduced it. */
  readonly url?: string;
}

/**
 * Where a position enters: `rotation` turns queries and keys, `bias` acts on scores, `input` is added to the
 * embeddings, `attention` replaces the operation, `none` enters nowhere.
 */
export type EncodingKind = 'rotation' | 'bias' | 'input' | 'attention' | 'none';

/** What a menu, a table or a plot says about an encoding. */
export interface EncodingAbout<Name extends string = string> {
  readonly name: Name;
  /** `Rotary position embedding (RoPE)` */
  readonly title: string;
  readonly kind: EncodingKind;
  /** What it does to a position, in one sentence. */
  readonly summary: string;
  readonly paper: Paper;
  /** Its angles change with the length of the sequence, see `LengthDependence`. */
  readonly dependsOnLength?: boolean;
}

/** Every option with its default; `undefined` where there is none, or it follows from another. */
export type DefaultsOf<Options> = { readonly [Key in keyof Options]-?: Options[Key] | undefined };

/** A function from options to an encoding, with what there is to say about it, for menus, tables and forms. */
export type EncodingFactory<Name extends string, Options extends object, Encoding> = ((
  ...options: Record<never, never> extends Options ? [options?: Options] : [options: Options]
) => Encoding) & { readonly about: EncodingAbout<Name>; readonly defaults: DefaultsOf<Options> };

/**
 * Joins the factory of an encoding with what there is to say about it.
 *
 * Never throws.
 *
 * @returns a factory that refuses options it does not know, with a ValueError: `theta` for `base` would otherwise go
 * unnoticed
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineEncoding<const Name extends string, Options extends object, Encoding>(
  about: EncodingAbout<Name>,
  defaults: DefaultsOf<NoInfer<Options>>,
  create: (options: Options) => Encoding,
): EncodingFactory<Name, Options, Encoding> {
  const factory = (options: Options = {} as Options): Encoding => {
    if (typeof options !== 'object' || options === null)
      throw new ValueError(about.name, 'options', 'must be an object', options);
    for (const key of Object.keys(options)) {
      if (Object.hasOwn(defaults, key)) continue;
      const known = Object.keys(defaults).join(', ') || 'none';
      throw new ValueError(about.name, 'options', `must be among ${known}`, key);
    }
    return create(options);
  };
  return Object.assign(factory, { about, defaults }) as EncodingFactory<Name, Options, Encoding>;
}

/** How fast the pairs of a head turn. */
export interface Spectrum {
  /** Rotary width R: how many numbers of a head turn. */
  readonly R: number;
  /** `[R/2]` radians a position; 0 for a pair that stands still. */
  readonly inverseFrequencies: Float64Array;
  /** Multiplies cosines and sines (YaRN and longrope sharpen attention with it); else 1. */
  readonly attentionFactor: number;
}

/** Cosines and sines as the host computes them, in float64. */
export interface RotationTables {
  /** `[L, R/2]`, attention factor and stretch included */
  readonly cos: Float64Array;
  /** `[L, R/2]` */
  readonly sin: Float64Array;
  readonly shape: readonly [L: number, half: number];
}

/** Which positions a table is for: `start … start + L − 1`, or these. */
export type TablePositions = { readonly start: number; readonly L: number } | readonly number[];

/** A rotation whose tables can be looked at. */
export interface RotaryEncoding extends Rotation, Disposable {
  readonly layout: RotaryLayout;
  /** @throws {ValueError | ShapeError} if x is no `[B, L, H, D]`, D is too narrow, or positions do not fit. */
  turn(x: Tensor<'B L H D'>, positions: Positions, side: 'q' | 'k'): Tensor<'B L H D'>;
  /**
   * @param D width of a head
   * @param length of the sequence, for encodings that depend on it; default: up to their boundary
   * @throws {ValueError} if no even number of D numbers turns.
   */
  spectrum(D: number, length?: number): Spectrum;
  /**
   * The rows that these positions read. `side` matters to xPos alone, which stretches q and shrinks k.
   *
   * @throws {ValueError} if a position is no whole number, or D as in `spectrum`.
   */
  tables(
    D: number,
    positions: TablePositions,
    options?: { readonly length?: number; readonly side?: 'q' | 'k' },
  ): RotationTables;
  /** Frees the tables on every device; the next call makes them anew. Never throws. */
  dispose(): void;
}

/** A bias whose matrix can be looked at. */
export interface ScoreBias extends PositionBias, Disposable {
  /**
   * What it adds to the scores, `[H, Lq, Lk]`, computed on the host; query i stands at `offset + i`, key j at j.
   *
   * @throws {ValueError} if it has not one slope or column for each of H heads.
   */
  matrix(H: number, Lq: number, Lk: number, offset?: number): Promise<Float64Array>;
  /** Frees what it holds on every device; the next call makes it anew. Never throws. */
  dispose(): void;
}

/** An input encoding whose rows can be looked at. */
export interface TableEncoding extends InputEncoding, Disposable {
  /**
   * What it adds at these positions, `[L, E]`.
   *
   * @throws {ValueError} if a position is no whole number or lies past the table, or E does not fit.
   */
  rows(E: number, positions: TablePositions): Promise<Float64Array>;
  /** Frees what it holds on every device; the next call makes it anew. Never throws. */
  dispose(): void;
}

/** Queries, keys and values, and where they stand; what is left out is counted (`offset + i`, `j`). */
export interface RelativeInputs extends BiasPositions {
  /** `[B, Lq, H, D]` */
  readonly q: Tensor<'B Lq H D'>;
  /** `[B, Lk, Hkv, D]` */
  readonly k: Tensor<'B Lk Hkv D'>;
  /** `[B, Lk, Hkv, Dv]` */
  readonly v: Tensor<'B Lk Hkv Dv'>;
}

/** Options of attention with relative positions; all have a default. */
export interface RelativeOptions {
  /** Multiplies the dot products. Default `1 / √D`. */
  readonly scale?: number | undefined;
  /** `true`, or the position of query 0. Default no causal mask. */
  readonly causal?: boolean | { readonly offset: number } | undefined;
  /** Slots of k and v in use. Default all. */
  readonly valid?: number | undefined;
}

/**
 * An encoding that lives inside attention and replaces the operation. Not one of tensor's `PositionEncoding`s, so
 * that the compiler refuses it where a layer would leave it out unnoticed.
 */
export interface RelativeAttention {
  readonly kind: 'attention';
  readonly name: string;
  /**
   * @returns `[B, Lq, H, Dv]`
   * @throws {ValueError | ShapeError} if shapes or positions do not fit each other or the tables.
   */
  attend(inputs: RelativeInputs, options?: RelativeOptions): Tensor<'B Lq H Dv'>;
  /** The same, with the softmax weights `[B, H, Lq, Lk]`. @throws {ValueError | ShapeError} as `attend`. */
  attendWithWeights(
    inputs: RelativeInputs,
    options?: RelativeOptions,
  ): { readonly out: Tensor<'B Lq H Dv'>; readonly weights: Tensor<'B H Lq Lk'> };
}

/** Anything this package makes. */
export type AnyEncoding = RotaryEncoding | ScoreBias | TableEncoding | RelativeAttention | NoEncoding;
