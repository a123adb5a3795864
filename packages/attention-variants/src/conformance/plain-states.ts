import {
  type Device,
  keep,
  type LayerSpec,
  type LayerState,
  type StateView,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '@headwise/tensor';

/**
 * The states of every layer of a model in their plainest form: for tests, examples and as a model of the
 * contract. Each append makes a new buffer; `@headwise/kv-cache` has the ones to run with.
 *
 * @param specs one for each layer, as `kv` gives them
 */
export function plainStates(device: Device, B: number, specs: readonly LayerSpec[]): readonly LayerState[] {
  const states: LayerState[] = [];
  specs.forEach((spec, layer) => {
    if (spec.kind === 'shared') states.push(sharedState(spec, layer, states[spec.producer ?? -1]));
    else if (spec.kind === 'recurrent') states.push(new RecurrentState(device, B, spec, layer));
    else states.push(new RowState(B, spec, layer));
  });
  return states;
}

/** Keeps rows: all of them, or `cap` at most (and what one call appends, which its own queries must see). */
class RowState implements LayerState {
  length = 0;
  readonly #rows = new Map<string, Tensor>();
  /** Positions of the kept tokens, rising. */
  #held: readonly number[] = [];
  #view: StateView | undefined;

  constructor(
    readonly B: number,
    readonly spec: LayerSpec,
    readonly layer: number,
  ) {}

  append(rows: Readonly<Record<string, Tensor>>): StateView {
    const lengths = Object.entries(this.spec.rows).map(([name, row]) => {
      const added = rows[name];
      const fits = added && String(added.shape) === String([this.B, added.shape[1], ...row]);
      if (!fits)
        throw new ValueError('state', name, `must be [${this.B}, L, ${row.join(', ')}]`, added?.shape);
      return added.shape[1]!;
    });
    const L = lengths[0] ?? 0;
    const { cap, sinks = 0 } = this.spec;
    // of `cap` tokens one is the next query's own
    const oldest = this.length - (cap - sinks - 1);
    const slots = this.#held.flatMap((position, slot) =>
      position < sinks || position >= oldest ? [slot] : [],
    );
    for (const [name, added] of Object.entries(rows)) {
      const joined = joinRows(this.#rows.get(name), slots, added);
      this.#rows.get(name)?.dispose();
      this.#rows.set(name, keep(joined));
    }
    const fresh = Array.from({ length: L }, (_, i) => this.length + i);
    this.#held = [...slots.map((slot) => this.#held[slot]!), ...fresh];
    this.#describe();
    this.length += L;
    return this.view();
  }

  view(): StateView {
    if (!this.#view) throw new ValueError('state', 'view', 'follows the first append', 'an empty state');
    return this.#view;
  }

  constants(): never {
    throw new ValueError('state', 'constants', 'belong to a recurrent state', this.spec.kind);
  }

  advance(): never {
    throw new ValueError('state', 'advance', 'belongs to a recurrent state', this.spec.kind);
  }

  dispose(): void {
    for (const rows of this.#rows.values()) rows.dispose();
    this.#view?.keyPositions?.dispose();
    this.#rows.clear();
    this.#view = undefined;
  }

  #describe(): void {
    this.#view?.keyPositions?.dispose();
    const rows = Object.fromEntries(this.#rows);
    const valid = this.#held.length;
    const view = { rows, valid, offset: this.length };
    if (this.#held.every((position, slot) => position === slot)) {
      this.#view = view;
      return;
    }
    const { device, shape } = Object.values(rows)[0]!;
    const slots = shape[1]!;
    const positions = Int32Array.from({ length: slots }, (_, slot) => this.#held[slot] ?? -1);
    this.#view = { ...view, keyPositions: keep(tensor<'B Lk'>(device, positions, [1, slots])) };
  }
}

/** `[B, capacity, …]`: the slots of what is held, then what is added, then zeros that nobody reads. */
function joinRows(held: Tensor | undefined, slots: readonly number[], added: Tensor): Tensor {
  const [B, L, ...row] = added.shape as [number, number, ...number[]];
  const width = row.reduce((size, axis) => size * axis, 1);
  const kept = slots.length;
  // powers of two, so that a growing state has few shapes for devices to compile kernels for
  const capacity = 2 ** Math.ceil(Math.log2(Math.max(8, kept + L)));
  const joined = zeros(added.device, [B, capacity, ...row]);
  for (let b = 0; b < B; b++) {
    const to = b * capacity;
    for (let first = 0, end = 0; held && first < kept; first = end) {
      while (end < kept && slots[end]! - slots[first]! === end - first) end++;
      const from = (b * held.shape[1]! + slots[first]!) * width;
      joined.write((to + first) * width, held, from, (end - first) * width);
    }
    joined.write((to + kept) * width, added, b * L * width, L * width);
  }
  return joined;
}

/** A state of constant size, zeros at first. */
class RecurrentState implements LayerState {
  length = 0;
  #constants: Readonly<Record<string, Tensor>>;

  constructor(
    device: Device,
    readonly B: number,
    readonly spec: LayerSpec,
    readonly layer: number,
  ) {
    this.#constants = Object.fromEntries(
      Object.entries(spec.constant).map(([name, shape]) => [name, keep(zeros(device, [B, ...shape]))]),
    );
  }

  append(): never {
    throw new ValueError('state', 'append', 'belongs to a state that keeps rows', this.spec.kind);
  }

  view(): never {
    throw new ValueError('state', 'view', 'belongs to a state that keeps rows', this.spec.kind);
  }

  constants(): Readonly<Record<string, Tensor>> {
    return this.#constants;
  }

  advance(constants: Readonly<Record<string, Tensor>>, tokens: number): void {
    this.dispose();
    this.#constants = Object.fromEntries(
      Object.entries(constants).map(([name, values]) => [name, keep(values)]),
    );
    this.length += tokens;
  }

  dispose(): void {
    for (const values of Object.values(this.#constants)) values.dispose();
  }
}

/** Reads its producer and keeps nothing. */
function sharedState(spec: LayerSpec, layer: number, producer: LayerState | undefined): LayerState {
  if (!producer)
    throw new ValueError(
      'state',
      `the producer of layer ${layer}`,
      'must be an earlier layer',
      spec.producer,
    );
  const refuse = (what: string) => (): never => {
    throw new ValueError(
      'state',
      what,
      `belongs to layer ${spec.producer}, whose state this is`,
      `layer ${layer}`,
    );
  };
  return {
    spec,
    layer,
    B: producer.B,
    get length() {
      return producer.length;
    },
    append: refuse('append'),
    view: () => producer.view(),
    constants: refuse('constants'),
    advance: refuse('advance'),
    dispose() {},
  };
}
