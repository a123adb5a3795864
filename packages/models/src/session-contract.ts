import type { Tap } from '@headwise/attention-variants';
import type { AttentionExtra, Device, LayerSpec, LayerState, Positions, Tensor } from '@headwise/tensor';
import type { LayerLook, Stack } from './stack.ts';

/** What a session needs of a model: `Decoder` is one. */
export interface SessionModel {
  readonly device: Device;
  /** Size of the vocabulary. */
  readonly V: number;
  /** Most positions; Infinity for no bound. */
  readonly context: number;
  /** What it keeps, by id. */
  readonly specs: Readonly<Record<string, LayerSpec>>;
  /** Which of it belongs to a source that is read once. */
  readonly sourceIds: readonly string[];
  /** `[B, L]` ids → what the first block reads, `[B, L, E]` @throws what its parts throw. */
  embed(ids: Tensor<'B L', 'i32'>, positions: Positions, tap?: Tap): Tensor<'B L E'>;
  /** Its blocks, one after the other. */
  readonly stack: Pick<Stack, 'run'> & Partial<Pick<Stack, 'stepsAlike'>>;
  /** Names of all intermediates that `tap` can read and replace. Default none. */
  readonly taps?: readonly string[];
  /** `[..., E]` → logits `[..., V]` @throws what its operations throw. */
  head<Axes extends string>(x: Tensor, tap?: Tap): Tensor<Axes>;
  /**
   * Makes tables of positions for a length now, so that no step makes them.
   * @throws {DeviceError} if the device has no room.
   */
  reserve(end: number): void;
  /**
   * The name of the angles by which keys are turned in a text of this length; a session reads a text again when it
   * changes (dynamic NTK, longrope). Absent where the angles follow from the position alone.
   * Never throws.
   */
  regime?(length: number): string;
}

/** Makes the states of a model; `createStates` of `@headwise/kv-cache` is one. */
export type StatesFactory = (
  /** What the model keeps, by id, in order. */
  specs: Readonly<Record<string, LayerSpec>>,
  options: {
    readonly device: Device;
    /** Sequences. */
    readonly B: number;
    /** Most tokens that a layer without a window holds. */
    readonly capacity: number;
  },
) => readonly LayerState[];

/** What a decoder with cross-attention reads: an encoder's output. */
export interface SessionSource {
  /** `[B, Ls, Es]` */
  readonly source: Tensor<'B Ls Es'>;
  /** −1 marks padding. Default all of them, in order. */
  readonly positions?: Positions | undefined;
  /** The session frees it. Default false: it stays the caller's. */
  readonly owned?: boolean | undefined;
}

/** How a text is begun. */
export interface SessionOptions {
  /** Sequences. Default 1. */
  readonly B?: number | undefined;
  /** Tokens to make room for. Default the model's context, which must then have a bound. */
  readonly capacity?: number | undefined;
  /**
   * Other caches: `(specs, options) => createStates(specs, { ...options, create })`. Default `createStates`:
   * contiguous, a ring for a window.
   */
  readonly cache?: StatesFactory | undefined;
  /**
   * Most positions. Default the capacity, or no bound when every layer forgets; at most the model's context.
   * Say `Infinity` for caches that evict.
   */
  readonly limit?: number | undefined;
  /** What cross-attention reads. */
  readonly source?: SessionSource | undefined;
}

/** Looking inside a step, at its cost, and giving it up. */
export interface StepOptions {
  readonly look?: ((look: LayerLook) => void) | undefined;
  /** What attention is to return for the look. */
  readonly extras?: readonly AttentionExtra[] | undefined;
  /** Ends the step between two layers; the session is then as it was. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Most tokens of a sequence that go through the model at once: what a long prompt takes beside the caches stays that
   * of a short one. The logits are those of one pass within rounding; a look sees each piece. Default all of them.
   */
  readonly chunk?: number | undefined;
}

/** How the steps of one token a sequence have been computed, since the session was begun. */
export interface SessionStats {
  /** How many there were. */
  readonly decoded: number;
  /** How many of them the device did by itself, from a recording. */
  readonly replayed: number;
  /** Why it did not do the last one; absent where it did, or there was none. */
  readonly reason?: string | undefined;
}

/** Ids of one sequence, or of each of the B, which may bring different numbers of them. */
export type StepIds = readonly number[] | readonly (readonly number[])[];
