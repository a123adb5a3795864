import {
  checkPool,
  type Device,
  keep,
  type LayerSpec,
  type LayerState,
  NOBODY,
  type Pool,
  type Positions,
  pooledCount,
  poolRows,
  type StateView,
  stateId,
  type Tensor,
  type Tokens,
  tensor,
  ValueError,
  zeros,
} from '@headwise/tensor';

/**
 * The states of every layer of a model in their plainest form: for tests, examples and as a model of the
 * contract. Each append makes a new buffer; `@headwise/kv-cache` has the ones to run with.
 *
 * @param specs one for each layer, as `kv` gives them
 * @throws {ValueError} if a layer shares with none before it.
 */
export function plainStates(device: Device, B: number, specs: readonly LayerSpec[]): readonly LayerState[] {
  const states: LayerState[] = [];
  specs.forEach((spec, layer) => {
    const id = stateId(layer);
    if (spec.kind === 'shared')
      states.push(
        sharedState(
          spec,
          id,
          states.find((state) => state.id === spec.producer),
        ),
      );
    else if (spec.kind === 'recurrent') states.push(new RecurrentState(device, B, spec, id));
    else states.push(new RowState(B, spec, id));
  });
  return states;
}

/** Keeps rows, sequence by sequence: all of them, or `cap` at most (and what one call appends, which its own queries see). */
class RowState implements LayerState {
  lengths: readonly number[];
  readonly #rows = new Map<string, Tensor>();
  /** Positions of the kept tokens of each sequence, rising. */
  #held: readonly (readonly number[])[];
  #view: StateView | undefined;

  constructor(
    readonly B: number,
    readonly spec: LayerSpec,
    readonly id: string,
  ) {
    this.lengths = new Array<number>(B).fill(0);
    this.#held = this.lengths.map(() => []);
  }

  get length(): number {
    return Math.max(...this.lengths);
  }

  check(tokens: Tokens): void {
    if (typeof tokens !== 'number') newcomers(tokens, this.lengths);
  }

  append(rows: Readonly<Record<string, Tensor>>, at?: Positions, pool?: Pool): StateView {
    checkPool('state', this.spec, pool);
    const counts = Object.entries(this.spec.rows).map(([name, row]) => {
      const added = rows[name];
      const fits = added && String(added.shape) === String([this.B, added.shape[1], ...row]);
      if (!fits)
        throw new ValueError('state', name, `must be [${this.B}, L, ${row.join(', ')}]`, added?.shape);
      return added.shape[1]!;
    });
    const L = counts[0] ?? 0;
    const fresh = at ? newcomers(at, this.lengths) : this.lengths.map(() => range(0, L));
    const { cap, sinks = 0 } = this.spec;
    const stay = this.#held.map((positions, b) => {
      // of `cap` tokens one is the next query's own
      const oldest = this.lengths[b]! - (cap - sinks - 1);
      return positions.flatMap((position, slot) => (position < sinks || position >= oldest ? [slot] : []));
    });
    for (const [name, added] of Object.entries(rows)) {
      const joined = joinRows(this.#rows.get(name), stay, added, fresh);
      this.#rows.get(name)?.dispose();
      this.#rows.set(name, keep(joined));
    }
    const offsets = this.lengths;
    this.#held = stay.map((slots, b) => [
      ...slots.map((slot) => this.#held[b]![slot]!),
      ...fresh[b]!.map((_, i) => offsets[b]! + i),
    ]);
    this.lengths = offsets.map((length, b) => length + fresh[b]!.length);
    if (pool) this.#pool(pool);
    this.#describe(offsets, at);
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
    this.#forgetView();
    this.#rows.clear();
  }

  /** All of them anew, of every token that is kept. */
  #pool(pool: Pool): void {
    for (const [name, pooled] of Object.entries(this.spec.pooled!)) {
      const { of, every, over = every } = pooled;
      const tokens = this.#rows.get(of)!;
      const n = Math.max(1, pooledCount(pooled, this.length));
      const slots = this.lengths.flatMap((length, b) =>
        range(0, n).flatMap((j) =>
          range(b * tokens.shape[1]! + every * j, over).map((slot) =>
            j < pooledCount(pooled, length) ? slot : NOBODY,
          ),
        ),
      );
      const made = poolRows('state', this.spec, name, tokens, Int32Array.from(slots), pool);
      this.#rows.get(name)?.dispose();
      this.#rows.set(name, keep(made.reshape([this.B, n, ...pooled.row])));
    }
  }

  #forgetView(): void {
    this.#view?.keyPositions?.dispose();
    this.#view?.queryPositions?.dispose();
    this.#view = undefined;
  }

  #describe(offsets: readonly number[], at: Positions | undefined): void {
    this.#forgetView();
    const rows = Object.fromEntries(this.#rows);
    const { device, shape } = rows[Object.keys(this.spec.rows)[0]!]!;
    const slots = shape[1]!;
    const valid = Math.max(...this.#held.map(({ length }) => length));
    const alike = !at?.host.includes(NOBODY) && offsets.every((offset) => offset === offsets[0]);
    const listed = !alike || this.#held.some((positions) => positions.some((position, j) => position !== j));
    const places = this.#held.flatMap((positions) =>
      range(0, slots).map((slot) => positions[slot] ?? NOBODY),
    );
    this.#view = {
      rows,
      valid,
      offset: offsets[0]!,
      ...(listed && { keyPositions: keep(tensor<'B Lk'>(device, Int32Array.from(places), [this.B, slots])) }),
      ...(!alike && at && { queryPositions: keep(tensor<'B Lq'>(device, at.host, at.shape)) }),
    };
  }
}

/** `0 … L − 1` */
function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}

/**
 * Which of the L tokens of each sequence stand somewhere.
 * @throws {ValueError} if one does not continue its sequence.
 */
function newcomers({ host, shape: [rows, L] }: Positions, lengths: readonly number[]): readonly number[][] {
  return lengths.map((length, b) => {
    const row = host.subarray((rows === 1 ? 0 : b) * L, (rows === 1 ? 0 : b) * L + L);
    const present = range(0, L).filter((i) => row[i]! >= 0);
    present.forEach((i, n) => {
      if (row[i] !== length + n)
        throw new ValueError(
          'state',
          `positions[${b}][${i}]`,
          `must be ${length + n}, where sequence ${b} goes on, or −1 for nobody`,
          row[i],
        );
    });
    return present;
  });
}

/** `[B, capacity, …]`: of each sequence the slots of what stays, then what is added, then zeros that nobody reads. */
function joinRows(
  held: Tensor | undefined,
  stay: readonly (readonly number[])[],
  added: Tensor,
  fresh: readonly (readonly number[])[],
): Tensor {
  const [B, L, ...row] = added.shape as [number, number, ...number[]];
  const width = row.reduce((size, axis) => size * axis, 1);
  const most = Math.max(...stay.map((slots, b) => slots.length + fresh[b]!.length));
  // powers of two, so that a growing state has few shapes for devices to compile kernels for
  const capacity = 2 ** Math.ceil(Math.log2(Math.max(8, most)));
  const joined = zeros(added.device, [B, capacity, ...row]);
  for (let b = 0; b < B; b++) {
    const kept = stay[b]!.length;
    if (held) copyRuns(joined, b * capacity, held, b * held.shape[1]!, stay[b]!, width);
    copyRuns(joined, b * capacity + kept, added, b * L, fresh[b]!, width);
  }
  return joined;
}

/** Rows `from + places[n]` to rows `to + n`, consecutive ones together. */
function copyRuns(
  target: Tensor,
  to: number,
  source: Tensor,
  from: number,
  places: readonly number[],
  width: number,
): void {
  for (let first = 0, end = 0; first < places.length; first = end) {
    while (end < places.length && places[end]! - places[first]! === end - first) end++;
    target.write((to + first) * width, source, (from + places[first]!) * width, (end - first) * width);
  }
}

/** A state of constant size, zeros at first. */
class RecurrentState implements LayerState {
  lengths: readonly number[];
  #constants: Readonly<Record<string, Tensor>>;

  constructor(
    device: Device,
    readonly B: number,
    readonly spec: LayerSpec,
    readonly id: string,
  ) {
    this.lengths = new Array<number>(B).fill(0);
    this.#constants = Object.fromEntries(
      Object.entries(spec.constant).map(([name, shape]) => [name, keep(zeros(device, [B, ...shape]))]),
    );
  }

  get length(): number {
    return Math.max(...this.lengths);
  }

  check(tokens: Tokens): void {
    if (typeof tokens !== 'number') newcomers(tokens, this.lengths);
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

  advance(constants: Readonly<Record<string, Tensor>>, tokens: Tokens): void {
    const more = typeof tokens === 'number' ? undefined : newcomers(tokens, this.lengths);
    this.dispose();
    this.#constants = Object.fromEntries(
      Object.entries(constants).map(([name, values]) => [name, keep(values)]),
    );
    this.lengths = this.lengths.map((length, b) => length + (more ? more[b]!.length : (tokens as number)));
  }

  dispose(): void {
    for (const values of Object.values(this.#constants)) values.dispose();
  }
}

/** Reads its producer and keeps nothing. */
function sharedState(spec: LayerSpec, id: string, producer: LayerState | undefined): LayerState {
  if (!producer)
    throw new ValueError('state', `the producer of ${id}`, 'must be an earlier state', spec.producer);
  const refuse = (what: string) => (): never => {
    throw new ValueError('state', what, `belongs to ${spec.producer}, whose state this is`, id);
  };
  return {
    spec,
    id,
    B: producer.B,
    get lengths() {
      return producer.lengths;
    },
    get length() {
      return producer.length;
    },
    check() {},
    append: refuse('append'),
    view: () => producer.view(),
    constants: refuse('constants'),
    advance: refuse('advance'),
    dispose() {},
  };
}
