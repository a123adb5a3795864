import { bindAxes, type Device } from '@headwise/tensor';
import { endOf, listOf, must, mustBePositive, mustBeTensors, mustBeWhole } from '../checks.ts';
import { defineEncoding, type TableEncoding } from '../contract.ts';
import { addRows, positionAxes } from '../input-rows.ts';
import { PerDevice } from '../per-device.ts';
import { type RowSource, RowTables } from '../row-tables.ts';

/** Options of the sinusoidal encoding. */
export interface SinusoidalOptions {
  /** Default 10 000. */
  readonly base?: number | undefined;
  /** Where a sine and its cosine stand: `(2i, 2i + 1)` as in the paper, or `(i, i + E/2)`. Default `interleaved`. */
  readonly layout?: 'interleaved' | 'half' | undefined;
  /**
   * Exponent of the i-th frequency: `2i/E` as in the paper, or `i/(E/2 − 1)` as in tensor2tensor (also fairseq,
   * Whisper, M2M-100), whose slowest frequency is exactly `1/base`. Default `paper`.
   */
  readonly spacing?: 'paper' | 'tensor2tensor' | undefined;
  /** Added to every position before its row is read. Default 0. */
  readonly offset?: number | undefined;
}

/**
 * Sinusoidal encoding: each position is a row of sines and cosines of falling frequency, added to the embedding.
 * A shift by k is one linear map whatever the position, which lets a model learn to look k tokens back.
 *
 * ```text
 * row[p, 2i]     = sin(p · f_i)      f_i = base^(−2i/E)
 * row[p, 2i + 1] = cos(p · f_i)      with layout 'half': i and i + E/2
 * x [B, L, E] → x + row[positions]
 * ```
 *
 * Scaling the embeddings by √E first, as the paper does, is the model's business.
 *
 * @throws {ValueError} if E is odd, or 2 with `tensor2tensor` spacing.
 * @see Vaswani et al. 2017, "Attention Is All You Need", section 3.5, {@link https://arxiv.org/abs/1706.03762}
 */
export const sinusoidal = /* @__PURE__ */ defineEncoding(
  {
    name: 'sinusoidal',
    title: 'Sinusoidal encoding',
    kind: 'input',
    summary: 'Adds a row of sines and cosines of falling frequency to each embedding.',
    paper: { title: 'Attention Is All You Need', authors: 'Vaswani et al.', year: 2017, arxiv: '1706.03762' },
  },
  { base: 10_000, layout: 'interleaved', spacing: 'paper', offset: 0 },
  (options: SinusoidalOptions): TableEncoding => {
    checkSinusoidal(options);
    const tables = new PerDevice<RowTables>();
    const tablesOn = (device: Device): RowTables => tables.get(device, () => new RowTables(device));
    const sourceOf = (E: number): RowSource => {
      checkWidth(E, options);
      return { key: `${E}`, width: E, lasting: true, build: (list) => [sinusoidalTable(E, list, options)] };
    };
    return {
      kind: 'input',
      name: 'sinusoidal',
      encode(x, positions) {
        mustBeTensors('sinusoidal', { x });
        const end = endOf('sinusoidal', positions);
        const { E } = bindAxes('sinusoidal', {
          x: [x, 'B L E'],
          positions: [positions, positionAxes(positions)],
        });
        const found = tablesOn(x.device).lookUp('sinusoidal', sourceOf(E), positions, end);
        return addRows(x, found.tables[0]!, found.rows);
      },
      reserve(device, end, E) {
        mustBeWhole('sinusoidal', 'end', end, 0);
        if (end > 0) tablesOn(device).reserve(sourceOf(E), end);
      },
      rows: async (E, positions) => sinusoidalTable(E, listOf('sinusoidal', positions), options),
      dispose: () => tables.dispose(),
      [Symbol.dispose]: () => tables.dispose(),
    };
  },
);

/** `[L, E]` rows of these positions, in float64. @throws {ValueError} if E is odd. */
export function sinusoidalTable(
  E: number,
  positions: ArrayLike<number>,
  options: SinusoidalOptions = {},
): Float64Array {
  checkWidth(E, options);
  const { base = 10_000, layout = 'interleaved', spacing = 'paper', offset = 0 } = options;
  const half = E / 2;
  const table = new Float64Array(positions.length * E); // [L, E]
  for (let i = 0; i < half; i++) {
    const frequency = base ** -(spacing === 'paper' ? i / half : i / (half - 1));
    const [sine, cosine] = layout === 'half' ? [i, i + half] : [2 * i, 2 * i + 1];
    for (let l = 0; l < positions.length; l++) {
      const angle = (positions[l]! + offset) * frequency;
      table[l * E + sine] = Math.sin(angle);
      table[l * E + cosine] = Math.cos(angle);
    }
  }
  return table;
}

function checkWidth(E: number, { spacing }: SinusoidalOptions): void {
  const least = spacing === 'tensor2tensor' ? 4 : 2;
  const rule = `must be an even number ≥ ${least}, since each frequency has a sine and a cosine`;
  must(Number.isInteger(E) && E >= least && E % 2 === 0, 'sinusoidal', 'E', rule, E);
}

function checkSinusoidal({ base, layout, spacing, offset }: SinusoidalOptions): void {
  if (base !== undefined) mustBePositive('sinusoidal', 'base', base);
  if (offset !== undefined) mustBeWhole('sinusoidal', 'offset', offset, 0);
  const known = (value: unknown, ...names: string[]): boolean =>
    value === undefined || names.includes(value as string);
  must(
    known(layout, 'interleaved', 'half'),
    'sinusoidal',
    'layout',
    'must be "interleaved" or "half"',
    layout,
  );
  must(
    known(spacing, 'paper', 'tensor2tensor'),
    'sinusoidal',
    'spacing',
    'must be "paper" or "tensor2tensor"',
    spacing,
  );
}
