import {
  bindAxes,
  checkFields,
  checkGiven,
  createPositions,
  type Device,
  type LengthDependence,
  type Positions,
  type RotaryLayout,
  rotary as rotaryOf,
  type Tensor,
} from '@headwise/tensor';
import { endOf, endsOf, listOf, must, mustBePositive, mustBeTensors, mustBeWhole } from './checks.ts';
import type { RotaryEncoding, RotationTables, Spectrum, TablePositions } from './contract.ts';
import { PerDevice } from './per-device.ts';
import { type DeviceRows, type RowSource, RowTables } from './row-tables.ts';

/** What every rotation can be told. */
export interface RotationOptions {
  /** θ, the base of the geometric series of frequencies. Default 10 000. */
  readonly base?: number | undefined;
  /** Share of a head that turns, its first numbers: in (0, 1]. Default 1. */
  readonly fraction?: number | undefined;
  /** How many numbers of a head turn, said outright instead of by `fraction`. */
  readonly width?: number | undefined;
  /**
   * Which two numbers form a pair: `half` pairs `(i, i + R/2)` (Hugging Face), `interleaved` pairs `(2i, 2i + 1)`
   * (the paper). Default `half`.
   */
  readonly layout?: RotaryLayout | undefined;
}

/** What they are where nothing is said. */
export const rotationDefaults = {
  base: 10_000,
  fraction: undefined,
  width: undefined,
  layout: 'half',
} as const satisfies { readonly [Key in keyof RotationOptions]-?: RotationOptions[Key] };

/** What makes one rotation different from the others. */
export interface RotationRule {
  readonly name: string;
  /**
   * `[R/2]` radians a position.
   * @param R rotary width, even
   * @param D width of a head
   * @param length of the sequence; read only by a rule with `length`
   */
  readonly frequencies: (R: number, D: number, length: number) => Float64Array;
  readonly attentionFactor?: number | undefined;
  /** Rotary width for a head of D, where it is not what `fraction` and `width` say. */
  readonly widthOf?: ((D: number) => number) | undefined;
  readonly length?: LengthRule | undefined;
  /** What a pair is multiplied by beside the attention factor (xPos). */
  readonly stretch?: ((side: 'q' | 'k', position: number, pair: number, R: number) => number) | undefined;
  /** Refuses positions that the rule cannot hold in float32. */
  readonly checkEnd?: ((end: number) => void) | undefined;
}

/** How the angles follow the length. */
export interface LengthRule {
  readonly boundary: number;
  /** Two lengths with the same number have the same angles. */
  readonly regime: (length: number) => number;
  /** Whether many lengths share this regime, so that its table is worth keeping. */
  readonly lasting: (length: number) => boolean;
  /** Always this length: the angles then follow from the position alone. */
  readonly fixed?: number | undefined;
}

/**
 * `[R/2]` θ^(−2i/R): Su et al. 2021, "RoFormer", section 3.2.2.
 *
 * @throws {RangeError} if R is too large for an array.
 */
export function inverseFrequencies(base: number, R: number): Float64Array {
  checkGiven('inverseFrequencies', { base, R });
  return Float64Array.from({ length: R / 2 }, (_, i) => base ** ((-2 * i) / R));
}

/** @throws {ValueError} if an option is out of range. */
export function checkRotationOptions(name: string, options: RotationOptions): void {
  const { base, fraction, width, layout } = options;
  if (base !== undefined) mustBePositive(name, 'base', base);
  if (fraction !== undefined)
    must(
      typeof fraction === 'number' && fraction > 0 && fraction <= 1,
      name,
      'fraction',
      'must be in (0, 1], the share of a head that turns',
      fraction,
    );
  if (width !== undefined) {
    must(
      fraction === undefined,
      name,
      'width and fraction',
      'say the same thing: give one of them',
      `width ${width}, fraction ${fraction}`,
    );
    mustBeEven(name, width, 'width');
  }
  if (layout !== undefined)
    must(
      layout === 'half' || layout === 'interleaved',
      name,
      'layout',
      'must be "half" or "interleaved"',
      layout,
    );
}

/** How many numbers of a head of D turn. @throws {ValueError} if they do not form pairs or do not fit. */
function rotaryWidth(name: string, D: number, { fraction = 1, width }: RotationOptions): number {
  mustBeWhole(name, 'D', D);
  // truncated as in Hugging Face's int(head_dim * partial_rotary_factor)
  const R = width ?? Math.trunc(D * fraction);
  const said = width === undefined ? `rotary width (⌊${fraction} · ${D}⌋)` : 'rotary width';
  mustBeEven(name, R, said);
  must(R <= D, name, said, `must be at most D = ${D}, the width of a head`, R);
  return R;
}

function mustBeEven(name: string, R: number, argument: string): void {
  must(
    Number.isInteger(R) && R >= 2 && R % 2 === 0,
    name,
    argument,
    'must be an even number ≥ 2, since the numbers of a head turn in pairs',
    R,
  );
}

/**
 * A rotation from its rule: checks, tables on the host in float64 and on the devices in float32, and the law that
 * what depends on the length says so.
 *
 * @throws {ValueError} if an option is out of range, or a fixed length is no whole number ≥ 1.
 */
export function createRotation(rule: RotationRule, options: RotationOptions): RotaryEncoding {
  checkFields('createRotation', 'rule', rule, ['name', 'frequencies']);
  checkFields(rule.name, 'options', options);
  checkRotationOptions(rule.name, options);
  const fixed = rule.length?.fixed;
  if (fixed !== undefined) mustBeWhole(rule.name, 'length', fixed);
  return new RuledRotation(rule, options);
}

class RuledRotation implements RotaryEncoding {
  readonly kind = 'rotation';
  readonly name: string;
  readonly layout: RotaryLayout;
  readonly dependsOnLength: LengthDependence | undefined;
  readonly #rule: RotationRule;
  readonly #options: RotationOptions;
  readonly #tables = new PerDevice<RowTables>();

  constructor(rule: RotationRule, options: RotationOptions) {
    this.name = rule.name;
    this.layout = options.layout ?? 'half';
    this.#rule = rule;
    this.#options = options;
    if (rule.length && rule.length.fixed === undefined) {
      const { boundary, regime } = rule.length;
      this.dependsOnLength = {
        boundary,
        regime,
        turnAgain: (k, positions, from, to) => this.#turnAgain(k, positions, from, to),
      };
    }
  }

  spectrum(D: number, length?: number): Spectrum {
    const R = this.#width(D);
    return {
      R,
      inverseFrequencies: this.#rule.frequencies(R, D, this.#lengthOf(length ?? 0)),
      attentionFactor: this.#rule.attentionFactor ?? 1,
    };
  }

  tables(
    D: number,
    positions: TablePositions,
    { length, side = 'q' }: { readonly length?: number; readonly side?: 'q' | 'k' } = {},
  ): RotationTables {
    const list = listOf(this.name, positions);
    this.#rule.checkEnd?.(Math.max(0, ...list) + 1);
    const spectrum = this.spectrum(D, length ?? Math.max(0, ...list) + 1);
    const [cos, sin] = this.#rows(spectrum, list, side);
    return { cos, sin, shape: [list.length, spectrum.R / 2] };
  }

  rotate(
    q: Tensor<'B L H D'>,
    k: Tensor<'B L H D'>,
    positions: Positions,
    keyPositions: Positions = positions,
  ): { readonly q: Tensor<'B L H D'>; readonly k: Tensor<'B L H D'> } {
    mustBeTensors(this.name, { q, k });
    const { D } = bindAxes(this.name, { q: [q, 'B Lq H D'], k: [k, 'B Lk Hkv D'] });
    const ofQ = endsOf(this.name, positions);
    const ofK = keyPositions === positions ? ofQ : endsOf(this.name, keyPositions);
    const lengths = ofQ === ofK ? ofQ : longer(ofQ, ofK);
    return {
      q: this.#turn(q, D, positions, 'q', ofQ, lengths),
      k: this.#turn(k, D, keyPositions, 'k', ofK, lengths),
    };
  }

  turn(x: Tensor<'B L H D'>, positions: Positions, side: 'q' | 'k'): Tensor<'B L H D'> {
    mustBeTensors(this.name, { x });
    const { D } = bindAxes(this.name, { x: [x, 'B L H D'] });
    const ends = endsOf(this.name, positions);
    return this.#turn(x, D, positions, side, ends, ends);
  }

  reserve(device: Device, end: number, D: number): void {
    mustBeWhole(this.name, 'end', end, 0);
    if (end === 0) return;
    this.#rule.checkEnd?.(end);
    const { length: rule, stretch } = this.#rule;
    const { boundary = end } = rule ?? {};
    // a short sequence has the angles up to the boundary, and the same positions others in a longer one
    const lengths = rule && rule.fixed === undefined ? [Math.min(end, boundary), end] : [end];
    for (const length of new Set(lengths))
      for (const side of stretch ? (['q', 'k'] as const) : (['q'] as const))
        this.#tablesOn(device).reserve(this.#sourceAt(D, this.#lengthOf(length), side), length);
  }

  dispose(): void {
    this.#tables.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #width(D: number): number {
    return this.#rule.widthOf?.(D) ?? rotaryWidth(this.name, D, this.#options);
  }

  #lengthOf(length: number): number {
    return this.#rule.length?.fixed ?? length;
  }

  #turn(
    x: Tensor<'B L H D'>,
    D: number,
    positions: Positions,
    side: 'q' | 'k',
    ends: readonly number[],
    sequences: readonly number[],
  ): Tensor<'B L H D'> {
    const end = Math.max(0, ...ends);
    this.#rule.checkEnd?.(end);
    const lengths = sequences.map((sequence) => this.#lengthOf(sequence));
    const regimes = lengths.map((length) => this.#rule.length?.regime(length) ?? 0);
    // a row of nobody goes along with the others
    const some = Math.max(
      0,
      sequences.findIndex((sequence) => sequence > 0),
    );
    const alike = regimes.every((regime, b) => regime === regimes[some] || sequences[b] === 0);
    if (alike)
      return this.#apply(x, this.#lookUp(x, this.#sourceAt(D, lengths[some] ?? 0, side), positions, end));
    const each =
      positions.shape[0] === 1 && lengths.length > 1
        ? repeated(positions, lengths.length) // one row of positions under angles of several lengths
        : positions;
    const turned = this.#apply(x, this.#lookUp(x, this.#sourceOf(D, lengths, each, side), each, end));
    if (each !== positions) each.tensor.dispose();
    return turned;
  }

  /** The rows of all positions in a sequence of this length. */
  #sourceAt(D: number, length: number, side: 'q' | 'k'): RowSource {
    const regime = this.#rule.length?.regime(length) ?? 0;
    return {
      key: `${D} ${regime} ${this.#rule.stretch ? side : ''}`,
      width: this.#width(D) / 2,
      lasting: this.#rule.length?.lasting(length) ?? true,
      build: (list) => this.#rows(this.spectrum(D, length), list, side),
    };
  }

  /** The rows that these positions read, in sequences whose angles differ: each as if it were alone. */
  #sourceOf(D: number, lengths: readonly number[], { shape: [, L] }: Positions, side: 'q' | 'k'): RowSource {
    const build = (list: ArrayLike<number>): readonly Float64Array[] => {
      const rows = lengths.map((length, b) =>
        this.#rows(this.spectrum(D, length), Array.prototype.slice.call(list, b * L, (b + 1) * L), side),
      );
      return [0, 1].map((table) => Float64Array.from(rows.flatMap((pair) => [...pair[table]!])));
    };
    return { key: `${D} of ${lengths.join()} ${side}`, width: this.#width(D) / 2, lasting: false, build };
  }

  #turnAgain(k: Tensor<'B L H D'>, positions: Positions, from: number, to: number): Tensor<'B L H D'> {
    mustBeWhole(this.name, 'from', from, 0);
    mustBeWhole(this.name, 'to', to, 0);
    mustBeTensors(this.name, { k });
    const { D } = bindAxes(this.name, { k: [k, 'B L Hkv D'] });
    const before = this.spectrum(D, from);
    const after = this.spectrum(D, to);
    // a turn by the difference of the angles; the attention factor is in the keys already
    const inverseFrequencies = after.inverseFrequencies.map((f, i) => f - before.inverseFrequencies[i]!);
    const source: RowSource = {
      key: `${D} ${from} to ${to}`,
      width: after.R / 2,
      lasting: false,
      build: (list) => this.#rows({ R: after.R, inverseFrequencies, attentionFactor: 1 }, list, 'k'),
    };
    return this.#apply(k, this.#lookUp(k, source, positions, endOf(this.name, positions)));
  }

  #lookUp(x: Tensor, source: RowSource, positions: Positions, end: number): DeviceRows {
    return this.#tablesOn(x.device).lookUp(this.name, source, positions, end);
  }

  #tablesOn(device: Device): RowTables {
    return this.#tables.get(device, () => new RowTables(device));
  }

  #apply(x: Tensor<'B L H D'>, { tables: [cos, sin], rows }: DeviceRows): Tensor<'B L H D'> {
    return rotaryOf(x, { cos: cos!, sin: sin! }, rows, { layout: this.layout });
  }

  /** cos and sin, each `[positions, R/2]`. */
  #rows(
    { R, inverseFrequencies: f, attentionFactor }: Spectrum,
    positions: ArrayLike<number>,
    side: 'q' | 'k',
  ): [cos: Float64Array, sin: Float64Array] {
    const half = R / 2;
    const cos = new Float64Array(positions.length * half);
    const sin = new Float64Array(positions.length * half);
    for (let l = 0; l < positions.length; l++) {
      for (let i = 0; i < half; i++) {
        const angle = positions[l]! * f[i]!;
        const size = attentionFactor * (this.#rule.stretch?.(side, positions[l]!, i, R) ?? 1);
        cos[l * half + i] = size * Math.cos(angle);
        sin[l * half + i] = size * Math.sin(angle);
      }
    }
    return [cos, sin];
  }
}

/** The longer of two sequences each; one row stands for all. */
function longer(a: readonly number[], b: readonly number[]): readonly number[] {
  const B = Math.max(a.length, b.length);
  return Array.from({ length: B }, (_, i) => Math.max(a[i % a.length] ?? 0, b[i % b.length] ?? 0));
}

/** One row of positions, B times. */
function repeated({ host, shape: [, L], tensor: { device } }: Positions, B: number): Positions {
  return createPositions(
    device,
    Array.from({ length: B }, () => [...host.subarray(0, L)]),
  );
}
