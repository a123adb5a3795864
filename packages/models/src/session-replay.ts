import { checkStates } from '@headwise/kv-cache';
import {
  type Device,
  keep,
  type LayerState,
  type Positions,
  type Recording,
  recorded,
  type StateView,
  scope,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import type { SessionModel, SessionStats } from './session-contract.ts';

/** One step of one token a sequence. */
export interface DecodeStep {
  readonly states: readonly LayerState[];
  /** Those of the text that are no other's. */
  readonly textStates: readonly LayerState[];
  /** The token of each sequence. */
  readonly ids: readonly number[];
  /** Where it stands. */
  readonly at: readonly number[];
}

/** Whole numbers on the device, of which a step changes the values. */
class Numbers {
  readonly tensor: Tensor<'B L', 'i32'>;

  constructor(device: Device, rows: number) {
    this.tensor = keep(tensor<'B L'>(device, new Int32Array(rows), [rows, 1]));
  }

  get rows(): number {
    return this.tensor.shape[0]!;
  }
}

/**
 * Decode steps that a device does by itself. What a step changes on the host is done first, in all layers (where the tokens
 * stand, in which slots their rows go, how many are in use), so that what is left is the same work each time, over numbers
 * that stand in memory: the device records it. Where something is different (a cache with other memory, another number of
 * sequences, angles of another length) it is recorded anew.
 */
export class Replay {
  readonly #model: SessionModel;
  #recording: Recording | undefined;
  #ids: Numbers | undefined;
  #positions: Numbers | undefined;
  /** What the step was recorded with. */
  #views: readonly (StateView | undefined)[] = [];
  #regime = '';
  #decoded = 0;
  #replayed = 0;
  #reason: string | undefined;

  constructor(model: SessionModel) {
    this.#model = model;
  }

  get stats(): SessionStats {
    const reason = this.#reason;
    return { decoded: this.#decoded, replayed: this.#replayed, ...(reason !== undefined && { reason }) };
  }

  /** Why a session does its steps as they come; undefined where it may be otherwise. */
  get against(): string | undefined {
    if (!this.#model.device.record) return `the device ${this.#model.device.name} records no steps`;
    if (this.#model.stack.stepsAlike !== true)
      return 'a part of the model does not say that its steps are alike';
    return undefined;
  }

  /** A step was done in the other way. */
  passedOver(reason: string): void {
    this.#decoded++;
    this.#reason = reason;
  }

  /**
   * Logits of a step.
   * @throws what the caches and the operations throw; the states may have moved then.
   */
  run(step: DecodeStep): Tensor<'B V'> {
    const { states, textStates } = step;
    const B = step.ids.length;
    const positions = this.#place(step);
    checkStates(textStates, positions);
    const views = textStates.map((state) => state.announce?.(positions));
    const work = (): Tensor<'B V'> => {
      const byId: Record<string, LayerState> = {};
      for (const state of states) byId[state.id] = state;
      const x = this.#model.stack.run(this.#model.embed(this.#ids!.tensor, positions), {
        positions,
        states: byId,
      });
      return this.#model.head<'B V'>(x.reshape([B, x.shape[2]!]));
    };
    this.#decoded++;
    if (views.includes(undefined)) {
      this.#reason = 'a cache does not keep its rows by slots that stand in memory';
      return scope(work);
    }
    const recording = this.#recordingOf(views, step);
    const before = recording.replays;
    const logits = recorded(recording, [B, this.#model.V], work);
    const isReplayed = recording.replays > before;
    this.#reason = isReplayed ? undefined : (recording.refused ?? 'the step was recorded');
    if (isReplayed) this.#replayed++;
    return logits;
  }

  /** Never throws. */
  dispose(): void {
    this.#recording?.dispose();
    this.#ids?.tensor.dispose();
    this.#positions?.tensor.dispose();
    this.#recording = undefined;
    this.#ids = undefined;
    this.#positions = undefined;
  }

  #recordingOf(views: readonly (StateView | undefined)[], { at }: DecodeStep): Recording {
    const regime = this.#model.regime ? at.map((start) => this.#model.regime!(start + 1)).join('|') : '';
    this.#recording ??= this.#model.device.record!();
    const alike = regime === this.#regime && views.every((view, n) => looksAlike(view!, this.#views[n]));
    if (!alike) this.#recording.forget();
    this.#views = views;
    this.#regime = regime;
    return this.#recording;
  }

  /** Writes ids and positions where the step reads them: in one row of positions while all sequences are equally long. */
  #place({ ids, at }: DecodeStep): Positions {
    const { device } = this.#model;
    const level = at.every((start) => start === at[0]);
    const host = Int32Array.from(level ? at.slice(0, 1) : at);
    this.#ids = resized(device, this.#ids, ids.length);
    this.#positions = resized(device, this.#positions, host.length);
    this.#ids.tensor.write(0, Int32Array.from(ids));
    this.#positions.tensor.write(0, host);
    const ends = Array.from(host, (start) => start + 1);
    return { host, tensor: this.#positions.tensor, shape: [host.length, 1], end: Math.max(...ends), ends };
  }
}

function resized(device: Device, numbers: Numbers | undefined, rows: number): Numbers {
  if (numbers?.rows === rows) return numbers;
  numbers?.tensor.dispose();
  return new Numbers(device, rows);
}

/** Whether a step reads the same tensors of a state as the one that was recorded. */
function looksAlike(one: StateView, other: StateView | undefined): boolean {
  if (!other) return false;
  for (const name in one.rows) if (one.rows[name] !== other.rows[name]) return false;
  return (
    one.keyPositions === other.keyPositions &&
    one.queryPositions === other.queryPositions &&
    one.keyUntil === other.keyUntil &&
    one.turnQueriesAt === other.turnQueriesAt
  );
}
