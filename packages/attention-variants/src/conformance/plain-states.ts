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

/** Keeps rows: all of them, or the last `cap` (and what one call appends, which its own queries must see). */
class RowState implements LayerState {
  length = 0;
  readonly #rows = new Map<string, Tensor>();
  #view: StateView | undefined;
  #first = 0;

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
    const held = this.length - this.#first;
    const kept = Math.min(held, this.spec.cap - 1);
    for (const [name, added] of Object.entries(rows)) {
      const joined = joinRows(this.#rows.get(name), added, held - kept);
      this.#rows.get(name)?.dispose();
      this.#rows.set(name, keep(joined));
    }
    this.#first += held - kept;
    this.#view = this.#describe(kept + L);
    this.length += L;
    return this.#view;
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

  #describe(valid: number): StateView {
    this.#view?.keyPositions?.dispose();
    const rows = Object.fromEntries(this.#rows);
    const view = { rows, valid, offset: this.length };
    if (this.#first === 0) return view;
    const device = Object.values(rows)[0]!.device;
    const positions = Int32Array.from({ length: valid }, (_, j) => this.#first + j);
    return { ...view, keyPositions: keep(tensor<'B Lk'>(device, positions, [1, valid])) };
  }
}

/** `[B, held − skip + L, …]`: what is held, less the first `skip` tokens, then what is added. */
function joinRows(held: Tensor | undefined, added: Tensor, skip: number): Tensor {
  const [B, L, ...row] = added.shape as [number, number, ...number[]];
  const width = row.reduce((size, axis) => size * axis, 1);
  const kept = held ? held.shape[1]! - skip : 0;
  const joined = zeros(added.device, [B, kept + L, ...row]);
  for (let b = 0; b < B; b++) {
    const to = b * (kept + L) * width;
    if (held && kept > 0) joined.write(to, held, (b * held.shape[1]! + skip) * width, kept * width);
    joined.write(to + kept * width, added, b * L * width, L * width);
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
