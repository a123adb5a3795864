import { binary, gather, type Positions, reduce, rmsNorm, type Tensor, tensor } from '@headwise/tensor';

/** One vector for a text out of those of its tokens. */
export interface Pooling {
  readonly name: string;
  /**
   * @param hidden `[B, L, E]`
   * @param positions of the tokens, −1 for padding, which counts nowhere
   * @returns `[B, E]`
   * @throws what its operations throw.
   */
  pool(hidden: Tensor<'B L E'>, positions: Positions): Tensor<'B E'>;
}

/** That of the first token: `[CLS]` of BERT, `<s>` of RoBERTa. Devlin et al. 2018, section 3. */
export const firstToken: Pooling = {
  name: 'first',
  pool: (hidden, positions) =>
    chosen(
      hidden,
      tokensOf(hidden, positions).map((tokens) => [tokens[0] ?? -1]),
    ).reshape([hidden.shape[0]!, hidden.shape[2]!]),
};

/** That of the last token: of a decoder the only one that has seen all (BART). Lewis et al. 2019, section 3.1. */
export const lastToken: Pooling = {
  name: 'last',
  pool: (hidden, positions) =>
    chosen(
      hidden,
      tokensOf(hidden, positions).map((tokens) => [tokens.at(-1) ?? -1]),
    ).reshape([hidden.shape[0]!, hidden.shape[2]!]),
};

/** The mean over the tokens. Reimers & Gurevych 2019, "Sentence-BERT", section 3. */
export const meanOfTokens: Pooling = {
  name: 'mean',
  pool(hidden, positions) {
    const rows = tokensOf(hidden, positions);
    const sum = reduce<'B E'>(chosen(hidden, rows), 'sum', [1]);
    const shares = rows.map(({ length }) => 1 / Math.max(1, length));
    return binary<'B E'>(sum, tensor(hidden.device, shares, [rows.length, 1]), 'multiply');
  },
};

/** The largest of each number over the tokens. Reimers & Gurevych 2019, section 3. */
export const maxOfTokens: Pooling = {
  name: 'max',
  pool(hidden, positions) {
    const L = hidden.shape[1]!;
    // a token more than once changes no maximum
    const filled = tokensOf(hidden, positions).map((tokens) =>
      Array.from({ length: L }, (_, l) => tokens[l] ?? tokens[0] ?? -1),
    );
    return reduce<'B E'>(chosen(hidden, filled), 'max', [1]);
  },
};

/** Vectors of length 1: their products are cosines. `[..., E]`; one of zeros stays. Never throws. */
export function normalized<Axes extends string>(x: Tensor<Axes>): Tensor<Axes> {
  const E = x.shape.at(-1)!;
  // the root of the mean is √E times shorter than the length
  return binary<Axes>(
    rmsNorm(x, undefined, { eps: 1e-24 }),
    tensor(x.device, [1 / Math.sqrt(E)], []),
    'multiply',
  );
}

/** For each text, its tokens as rows of `[B · L, E]`. */
function tokensOf(hidden: Tensor, { host, shape }: Positions): number[][] {
  const [B, L] = hidden.shape as [number, number];
  return Array.from({ length: B }, (_, b) => {
    const row = shape[0] === 1 ? 0 : b;
    return Array.from({ length: L }, (_, l) => b * L + l).filter((_, l) => host[row * L + l]! >= 0);
  });
}

/** `[B, L, E]` of these rows; a −1 and what is missing at the end of one are zeros. */
function chosen(hidden: Tensor, rows: readonly (readonly number[])[]): Tensor {
  const [B, L, E] = hidden.shape as [number, number, number];
  const most = Math.max(1, ...rows.map(({ length }) => length));
  const ids = rows.flatMap((row) => Array.from({ length: most }, (_, l) => row[l] ?? -1));
  return gather(hidden.reshape([B * L, E]), tensor(hidden.device, Int32Array.from(ids), [B, most]));
}
