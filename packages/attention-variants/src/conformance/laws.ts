import { ShapeError, ValueError } from '@headwise/tensor';
import { assertClose, checkDirections } from '@headwise/tensor/testing';
import { refuseForeignStates } from './foreign-states.ts';
import { attendGradients, layerGradients } from './gradients.ts';
import { type AttendInputs, type HostArray, LENGTH, type Probe, random, same } from './probe.ts';

/** What must hold of every attention. */
export type LawName =
  | 'output shape'
  | 'causal'
  | 'prefill = chunks = decode'
  | 'a batch = each row alone'
  | 'without a cache'
  | 'stable'
  | 'sees nothing, gives zero'
  | 'hidden keys change nothing'
  | 'a bias counts'
  | 'groups = repeated heads'
  | 'scales as told'
  | 'names the bad axis'
  | 'inputs stay'
  | 'frees what it made'
  | 'refuses a foreign state'
  | 'gradients = central differences'
  | 'refuses bad options'
  | 'costs'
  | 'costs what it sees';

/** One law: resolves where it holds, rejects with what does not. */
// biome-ignore lint/suspicious/noExplicitAny: laws hold for variants of any options
export type Law = (probe: Probe<any>) => Promise<void>;

/** All laws by name. */
export const laws: Readonly<Record<LawName, Law>> = {
  /** `attend` gives a row for each query, `layer` what it was given: `[B, L, E]`. */
  async 'output shape'(probe) {
    const inputs = probe.inputs();
    const { shape, data } = await probe.attend(inputs);
    const [B, Lq] = inputs.q.shape;
    must(shape.length === 4 && shape[0] === B && shape[1] === Lq, `out is [${shape.join(', ')}]`);
    must(data.every(Number.isFinite), 'out is not finite');
    const y = await probe.layers([LENGTH]);
    must(y.every(Number.isFinite), 'y is not finite');
    must(
      y.some((value) => value !== 0),
      'y is zero',
    );
  },

  /** A token changes no output before it, in any head. */
  async causal(probe) {
    const inputs = probe.inputs();
    const before = await probe.attend(inputs);
    for (let j = 1; j < LENGTH; j++) {
      const after = await probe.attend(perturbed(inputs, j));
      const changed = changedRows(before, after);
      must(!changed.some((i) => i < j), `key ${j} changes the outputs of queries ${changed.join(', ')}`);
      must(changed.includes(j), `key ${j} does not change the output of its own query`);
    }
    const { E } = probe.shape;
    const y = await probe.layers([LENGTH]);
    for (const j of [1, LENGTH - 1]) {
      const changed = await probe.layers([LENGTH], { change: (x) => bump(x, j, E) });
      must(same(earlier(y, j, E), earlier(changed, j, E)), `token ${j} changes an earlier row of y`);
    }
  },

  /** One call, several calls and one call a token give the same rows. */
  async 'prefill = chunks = decode'(probe) {
    const whole = await probe.layers([LENGTH]);
    const first = Math.max(probe.firstCall, 2);
    const rest = LENGTH - first;
    const chunks = [first, ...(rest >= 4 ? [1, rest - 2, 1] : [rest])];
    assertClose(await probe.layers(chunks), whole, probe.tolerance);
    const steps = [probe.firstCall, ...Array<number>(LENGTH - probe.firstCall).fill(1)];
    assertClose(await probe.layers(steps), whole, probe.tolerance);
  },

  /** Sequences of different lengths side by side are what each is alone, wherever nobody stands between them. */
  async 'a batch = each row alone'(probe) {
    const first = Math.max(probe.firstCall, 2);
    const upTo = (from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, i) => from + i);
    const nobody = (count: number): number[] => Array<number>(count).fill(-1);
    const long = LENGTH - first;
    const calls = [
      // filled up on the right, then on the left, then one ends while the other goes on
      [upTo(0, first), [...upTo(0, first), ...nobody(2)]],
      [
        [...upTo(first, first + 2), ...nobody(1)],
        [...nobody(2), first],
      ],
      ...upTo(first + 2, LENGTH).map((token) => [[token], [-1]]),
    ].map((call) => {
      const L = Math.max(...call.map(({ length }) => length));
      return call.map((tokens) => [...tokens, ...nobody(L - tokens.length)]);
    });
    const together = await probe.ragged(calls);
    const alone = [
      await probe.ragged([[upTo(0, first + long)]], { rows: [0] }),
      await probe.ragged([[upTo(0, first + 1)]], { rows: [1] }),
    ];
    for (const b of [0, 1]) assertClose(together[b]!, alone[b]![0]!, probe.tolerance);
  },

  /** One pass over states that keep nothing is one pass over a cache: an encoder, a training step. */
  async 'without a cache'(probe) {
    const all = Array.from({ length: LENGTH }, (_, i) => i);
    const short = all.map((i) => (i < LENGTH - 2 ? i : -1));
    for (const calls of [[[all, all]], [[all, short]]]) {
      const want = await probe.ragged(calls);
      const got = await probe.ragged(calls, { through: true });
      for (const b of [0, 1]) assertClose(got[b]!, want[b]!, probe.tolerance);
    }
  },

  /** Scores far beyond the range of exp give finite outputs. */
  async stable(probe) {
    const { q, k, v } = probe.inputs();
    for (const factor of [1e3, -1e3]) {
      const { data } = await probe.attend({ q: scaled(q, factor), k: scaled(k, 1e2), v });
      must(data.every(Number.isFinite), `out is not finite for scores of about ${factor * 1e2}`);
    }
  },

  /** A row without a visible key is zero, not NaN. */
  async 'sees nothing, gives zero'(probe) {
    const { data } = await probe.attend(probe.inputs(), { keyPositions: Array<number>(LENGTH).fill(-1) });
    must(
      data.every((value) => value === 0),
      'a row that sees nothing is not zero',
    );
  },

  /** NaN or infinity in a key or value changes no bit of a row that does not see it. */
  async 'hidden keys change nothing'(probe) {
    const inputs = probe.inputs();
    const before = await probe.attend(inputs);
    for (const j of [0, 4, LENGTH - 1]) {
      const seeing = changedRows(before, await probe.attend(perturbed(inputs, j)));
      for (const poison of [Number.NaN, Infinity]) {
        const after = await probe.attend(poisoned(inputs, j, poison));
        const changed = changedRows(before, after).filter((i) => !seeing.includes(i));
        must(
          changed.length === 0,
          `${poison} in key ${j} changes rows ${changed.join(', ')}, which do not see it`,
        );
      }
    }
    const positions = Array.from({ length: LENGTH }, (_, j) => (j === 3 ? -1 : j));
    const hidden = await probe.attend(inputs, { keyPositions: positions });
    const after = await probe.attend(poisoned(inputs, 3, Number.NaN), { keyPositions: positions });
    must(same(hidden.data, after.data), 'NaN in an empty slot changes the output');
  },

  /** A key under a bias of −∞ is a key that is not there. */
  async 'a bias counts'(probe) {
    const inputs = probe.inputs();
    const { data } = random([1, 1, LENGTH, LENGTH], 40);
    const bias = {
      shape: [1, 1, LENGTH, LENGTH],
      data: data.map((value, n) => (n % LENGTH === 2 ? -Infinity : value)),
    };
    const positions = Array.from({ length: LENGTH }, (_, j) => (j === 2 ? -1 : j));
    const finite = { ...bias, data: data.map((value, n) => (n % LENGTH === 2 ? 0 : value)) };
    const byBias = await probe.attend(inputs, { bias });
    const byPosition = await probe.attend(inputs, { bias: finite, keyPositions: positions });
    assertClose(byBias.data, byPosition.data, probe.tolerance);
    const plain = await probe.attend(inputs, { keyPositions: positions });
    must(!same(byPosition.data, plain.data), 'a finite bias changes nothing');
  },

  /**
   * Key/value heads shared by a group are key/value heads repeated for each of the group. A variant whose option `Hkv`
   * says another number refuses them, and so does one that has no such option and no groups.
   */
  async 'groups = repeated heads'(probe) {
    const grouped = 'Hkv' in probe.options;
    const { q, k, v } = probe.inputs();
    const H = q.shape[2]!;
    // maps of one head (differential) stay together
    const unit = k.shape[2]! / v.shape[2]!;
    const shared = { q, k: heads(k, 0, unit), v: heads(v, 0, 1) };
    const copies = H / unit;
    const repeated = { q, k: repeatHeads(shared.k, copies), v: repeatHeads(shared.v, copies) };
    const attend = async (inputs: AttendInputs): Promise<Float32Array> =>
      (await probe.attend(inputs, {}, grouped ? { Hkv: inputs.k.shape[2] } : {})).data;
    if (grouped)
      await refused(() => probe.attend(shared, {}, { Hkv: H }), 'keys of another Hkv than configured');
    if (!grouped && copies > 1)
      for (const inputs of [shared, repeated]) if (await isRefused(() => attend(inputs))) return;
    assertClose(await attend(shared), await attend(repeated), probe.tolerance);
    if (copies < 4 || copies % 2 !== 0) return;
    const pairs = {
      q,
      k: random([...k.shape.slice(0, 2), 2 * unit, k.shape[3]!], 60),
      v: random([...v.shape.slice(0, 2), 2, v.shape[3]!], 61),
    };
    const spread = { q, k: spreadHeads(pairs.k, unit, copies / 2), v: spreadHeads(pairs.v, 1, copies / 2) };
    assertClose(await attend(pairs), await attend(spread), probe.tolerance);
  },

  /** A scale multiplies the dot products, and left out is `1 / √D`, where the option says so. */
  async 'scales as told'(probe) {
    if (!('scale' in probe.options)) return;
    const { q, k, v } = probe.inputs();
    const told = await probe.attend({ q, k, v }, {}, { scale: 0.5 });
    const twice = await probe.attend({ q: scaled(q, 2), k, v }, {}, { scale: 0.25 });
    assertClose(told.data, twice.data, probe.tolerance);
    const other = await probe.attend({ q, k, v }, {}, { scale: 0.25 });
    must(!same(told.data, other.data), 'another scale changes nothing');
    if (probe.variant.defaults.scale !== undefined) return;
    const usual = await probe.attend({ q, k, v }, {}, { scale: 1 / Math.sqrt(q.shape[3]!) });
    assertClose(
      (await probe.attend({ q, k, v }, {}, { scale: undefined })).data,
      usual.data,
      probe.tolerance,
    );
  },

  /** Widths that disagree are a ShapeError that says which axis. */
  async 'names the bad axis'(probe) {
    const { q, k, v } = probe.inputs();
    const wider = random([...k.shape.slice(0, 3), k.shape[3]! + 1], 2);
    await refused(() => probe.attend({ q, k: wider, v }), 'a key wider than the query');
    const longer = random([v.shape[0]!, v.shape[1]! + 1, ...v.shape.slice(2)], 3);
    await refused(() => probe.attend({ q, k, v: longer }), 'more values than keys');
  },

  /** No input is written to. */
  async 'inputs stay'(probe) {
    const { untouched } = await probe.attend(probe.inputs());
    must(untouched, 'attend has changed an input');
  },

  /** After a call nothing is held but its results and the state. */
  async 'frees what it made'(probe) {
    const before = probe.device.memory.buffers;
    await probe.attend(probe.inputs());
    must(
      probe.device.memory.buffers === before,
      `attend leaves ${probe.device.memory.buffers - before} buffers`,
    );
    await probe.layers([probe.firstCall + 1, LENGTH - probe.firstCall - 1]);
    must(
      probe.device.memory.buffers === before,
      `layer leaves ${probe.device.memory.buffers - before} buffers`,
    );
  },

  /** The state of another layer, of other sequences or of another variant is refused before anything is computed. */
  async 'refuses a foreign state'(probe) {
    await refuseForeignStates(probe);
  },

  /**
   * The gradients of queries, keys and values, of the hidden rows and of every weight are slopes of the outputs, by
   * central differences in float64 on the reference.
   */
  async 'gradients = central differences'(probe) {
    await checkDirections(attendGradients(probe));
    await checkDirections(layerGradients(probe));
  },

  /** An option that is no option, of another kind, or no number is named by a ValueError, in the score form and the check. */
  async 'refuses bad options'(probe) {
    const { variant, shape } = probe;
    const defaults = variant.defaults as Readonly<Record<string, unknown>>;
    const bad = Object.entries(defaults).flatMap(([key, value]): [string, unknown][] => {
      if (typeof value === 'string') return [[key, 'no such choice']];
      if (typeof value === 'boolean') return [[key, 'yes']];
      return typeof value === 'object' || typeof value === 'function' ? [] : [[key, Number.NaN]];
    });
    for (const [key, value] of [...bad, ['noSuchOption', 1] as const]) {
      const options = { ...probe.options, [key]: value };
      await refusedOption(key, () => probe.attend(probe.inputs(), {}, { [key]: value }));
      if (key in defaults) await refusedOption(key, async () => variant.check(shape, options));
    }
  },

  /** What it says of itself adds up. */
  async costs(probe) {
    const { variant, shape, options } = probe;
    for (let layer = 0; layer < shape.layers; layer++) {
      const step = variant.cost(shape, options, { B: 1, Lq: 1, Lk: 64, layer });
      const prefill = variant.cost(shape, options, { B: 1, Lq: 64, Lk: 64, layer });
      for (const [name, value] of [...Object.entries(step), ...Object.entries(prefill)])
        must(Number.isFinite(value) && value > 0, `cost.${name} is ${value}`);
      must(step.attentionFlops < step.flops, 'attention costs more than everything');
      must(prefill.flops > step.flops, 'a prefill of 64 costs no more than a step');
      const twice = variant.cost(shape, options, { B: 2, Lq: 1, Lk: 64, layer });
      must(
        twice.flops === 2 * step.flops && twice.stateReads === 2 * step.stateReads,
        'two sequences do not cost twice',
      );
      must(twice.weightReads === step.weightReads, 'weights are read once for all sequences');
    }
  },

  /** The work between queries and keys is that of the pairs which are really seen, in a prefill and in a step. */
  async 'costs what it sees'(probe) {
    const { variant, shape, options } = probe;
    if (!variant.score) return;
    const flops = (Lq: number, Lk: number): number =>
      variant.cost(shape, options, { B: 1, Lq, Lk, layer: 0 }).attentionFlops;
    const lengths = Array.from({ length: LENGTH - 1 }, (_, i) => i + 2);
    const tried = new Map<number, readonly number[]>();
    for (const L of lengths) tried.set(L, await seenByTrying(probe, L));
    const sum = (L: number): number => tried.get(L)!.reduce((pairs, seen) => pairs + seen, 0);
    const last = (L: number): number => tried.get(L)!.at(-1)!;
    const prefill = flops(LENGTH, LENGTH) / sum(LENGTH);
    const step = flops(1, LENGTH) / last(LENGTH);
    for (const L of lengths) {
      const [all, one] = [flops(L, L) / prefill, flops(1, L) / step];
      must(near(all, sum(L)), `a prefill of ${L} sees ${sum(L)} pairs and is counted as ${all.toFixed(1)}`);
      must(near(one, last(L)), `a step at ${L} sees ${last(L)} keys and is counted as ${one.toFixed(1)}`);
    }
  },
};

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * b;
}

async function refusedOption(key: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const named = ValueError.isInstance(error) && error.argument === key;
    must(named, `a bad ${key} throws ${String(error)}, not a ValueError that names it`);
    return;
  }
  throw new Error(`a bad ${key} is accepted`);
}

/** How many keys each of the last L queries of the first sequence sees, by trying: `[first query, …]`. */
async function seenByTrying(probe: Probe<object>, L: number): Promise<readonly number[]> {
  const inputs = probe.inputs({ Lq: L, Lk: L });
  const before = await probe.attend(inputs);
  const seen = Array<number>(L).fill(0);
  for (let j = 0; j < L; j++) {
    // a choice by content differs from sequence to sequence
    for (const i of changedRows(before, await probe.attend(perturbed(inputs, j)), 1)) seen[i]!++;
  }
  return seen;
}

function must(holds: boolean, problem: string): void {
  if (!holds) throw new Error(problem);
}

async function isRefused(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (ShapeError.isInstance(error)) return true;
    throw error;
  }
}

async function refused(work: () => Promise<unknown>, what: string): Promise<void> {
  try {
    await work();
  } catch (error) {
    must(ShapeError.isInstance(error), `${what} throws ${String(error)}, not a ShapeError`);
    must((error as ShapeError).axis !== undefined, `${what} throws a ShapeError that names no axis`);
    return;
  }
  throw new Error(`${what} is accepted`);
}

/** Queries whose output `[B, Lq, H, Dv]` differs in any bit, in any of the first sequences. */
function changedRows(before: HostArray, after: HostArray, sequences = before.shape[0]!): readonly number[] {
  const [, Lq, H, Dv] = before.shape as [number, number, number, number];
  const size = H * Dv;
  const rows: number[] = [];
  for (let i = 0; i < Lq; i++) {
    const differs = Array.from({ length: sequences }, (_, b) => (b * Lq + i) * size).some(
      (at) => !same(before.data.subarray(at, at + size), after.data.subarray(at, at + size)),
    );
    if (differs) rows.push(i);
  }
  return rows;
}

/** The inputs with key and value j another. */
function perturbed(inputs: AttendInputs, j: number): AttendInputs {
  return changeToken(inputs, j, (value, n) => -value + 0.25 + (n % 3) / 8);
}

/** The inputs with every number of key and value j replaced. */
function poisoned(inputs: AttendInputs, j: number, poison: number): AttendInputs {
  return changeToken(inputs, j, () => poison);
}

function changeToken(
  inputs: AttendInputs,
  j: number,
  to: (value: number, n: number) => number,
): AttendInputs {
  const change = ({ shape, data }: HostArray): HostArray => {
    const [, L, H, D] = shape as [number, number, number, number];
    const changed = data.map((value, n) => (Math.floor(n / (H * D)) % L === j ? to(value, n) : value));
    return { shape, data: changed };
  };
  return { q: inputs.q, k: change(inputs.k), v: change(inputs.v) };
}

function scaled({ shape, data }: HostArray, factor: number): HostArray {
  return { shape, data: data.map((value) => value * factor) };
}

/** Heads `from … from + count − 1` of `[B, L, H, D]`. */
function heads({ shape, data }: HostArray, from: number, count: number): HostArray {
  const [B, L, H, D] = shape as [number, number, number, number];
  const part = new Float32Array(B * L * count * D);
  for (let row = 0; row < B * L; row++)
    part.set(data.subarray((row * H + from) * D, (row * H + from + count) * D), row * count * D);
  return { shape: [B, L, count, D], data: part };
}

/** All heads, `copies` times over. */
function repeatHeads(x: HostArray, copies: number): HostArray {
  return spreadHeads(x, x.shape[2]!, copies);
}

/** Blocks of `unit` heads, each `copies` times: a a b b. */
function spreadHeads({ shape, data }: HostArray, unit: number, copies: number): HostArray {
  const [B, L, H, D] = shape as [number, number, number, number];
  const width = unit * D;
  const spread = new Float32Array(B * L * H * D * copies);
  for (let block = 0; block < (B * L * H) / unit; block++)
    for (let copy = 0; copy < copies; copy++)
      spread.set(data.subarray(block * width, (block + 1) * width), (block * copies + copy) * width);
  return { shape: [B, L, H * copies, D], data: spread };
}

/** Changes token j of `[B, LENGTH, E]`. */
function bump(x: Float32Array, j: number, E: number): void {
  for (let n = 0; n < x.length; n++) if (Math.floor(n / E) % LENGTH === j) x[n] = 0.5 - x[n]!;
}

/** Rows before j of every layer and sequence. */
function earlier(y: Float32Array, j: number, E: number): Float32Array {
  return y.filter((_, n) => Math.floor(n / E) % LENGTH < j);
}
