import { bindAxes, NOBODY, type Positions, type Tensor, tensor, ValueError } from '@headwise/tensor';
import { endOf, listOf, must, mustBeTensors, mustBeWhole } from '../checks.ts';
import { defineEncoding, type TableEncoding } from '../contract.ts';
import { addRows, positionAxes } from '../input-rows.ts';

/** Options of learned positions. */
export interface LearnedOptions {
  /** `[N, E]`, trained; stays its owner's. */
  readonly table: Tensor<'N E'>;
  /** Row of position 0: 2 in OPT and BART, whose first rows are for padding. Default 0. */
  readonly offset?: number | undefined;
}

/**
 * Learned absolute positions: a row of a trained table is added to each embedding. Simple, and blind past the end
 * of the table.
 *
 * ```text
 * x [B, L, E] → x + table[positions + offset]      table [N, E]
 * ```
 *
 * @throws {ValueError} if a position lies past the table.
 * @see Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", section 3.1,
 * {@link https://arxiv.org/abs/1705.03122}; Radford et al. 2018 (GPT), Devlin et al. 2018 (BERT)
 */
export const learned = /* @__PURE__ */ defineEncoding(
  {
    name: 'learned',
    title: 'Learned absolute positions',
    kind: 'input',
    summary: 'Adds a trained row for each position to the embedding.',
    paper: {
      title: 'Convolutional Sequence to Sequence Learning',
      authors: 'Gehring et al.',
      year: 2017,
      arxiv: '1705.03122',
    },
  },
  { table: undefined, offset: 0 },
  ({ table, offset = 0 }: LearnedOptions): TableEncoding => {
    mustBeTensors('learned', { table });
    const { N, E: width } = bindAxes('learned', { table: [table, 'N E'] });
    mustBeWhole('learned', 'offset', offset, 0);
    return {
      kind: 'input',
      name: 'learned',
      encode(x, positions) {
        mustBeTensors('learned', { x });
        const end = endOf('learned', positions);
        bindAxes('learned', {
          x: [x, 'B L E'],
          positions: [positions, positionAxes(positions)],
          table: [table, 'N E'],
        });
        mustLieInside(end - 1, N, offset);
        if (offset === 0) return addRows(x, table, positions.tensor);
        const rows = shifted(positions, offset);
        const sum = addRows(x, table, rows);
        rows.dispose();
        return sum;
      },
      async rows(E, positions) {
        must(E === width, 'learned', 'E', `must be ${width}, the width of the table`, E);
        const list = listOf('learned', positions);
        for (const position of list) mustLieInside(position, N, offset);
        const values = await table.data();
        const rows = new Float64Array(list.length * width); // [L, E]
        list.forEach((position, l) => {
          rows.set(values.subarray((position + offset) * width, (position + offset + 1) * width), l * width);
        });
        return rows;
      },
      dispose() {},
      [Symbol.dispose]() {},
    };
  },
);

function shifted({ host, shape, tensor: { device } }: Positions, offset: number): Tensor<'B L', 'i32'> {
  return tensor<'B L'>(
    device,
    host.map((position) => (position === NOBODY ? NOBODY : position + offset)),
    shape,
  );
}

function mustLieInside(position: number, N: number, offset: number): void {
  if (position + offset < N) return;
  const rule = `lies past the table, which has rows for positions 0 to ${N - 1 - offset} (N = ${N}${offset ? `, offset ${offset}` : ''}); a learned table cannot be extended`;
  throw new ValueError('learned', 'position', rule, position);
}
