import {
  attention,
  concat,
  createPositions,
  gather,
  ShapeError,
  scope,
  type Tensor,
  tensor,
  ValueError,
} from '@headwise/tensor';
import type { Pooling } from './heads/pooling.ts';

/** How a text that is longer than a model's context becomes pieces that are not. */
export interface Cut {
  readonly name: string;
  /**
   * @param ids of the text, without the tokens that begin and end one
   * @param room most ids of a piece
   * @returns at least one piece
   * @throws {ValueError} if the room is too small for the cut.
   */
  pieces(ids: readonly number[], room: number): readonly (readonly number[])[];
}

/** Only the beginning. Sun et al. 2019, section 5.3.1. */
export const headOnly: Cut = { name: 'head', pieces: (ids, room) => [ids.slice(0, room)] };

/** Only the end. Sun et al. 2019, section 5.3.1. */
export const tailOnly: Cut = { name: 'tail', pieces: (ids, room) => [ids.slice(-room)] };

/**
 * The beginning and the end as one piece: what says most of a text often stands there.
 *
 * @param options.head share of the room for the beginning. Default 128 of 510.
 * @throws {ValueError} unless `head` is between 0 and 1.
 * @see Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.1,
 * {@link https://arxiv.org/abs/1905.05583}
 */
export function headAndTail({ head = 128 / 510 }: { readonly head?: number } = {}): Cut {
  if (!(head > 0 && head < 1))
    throw new ValueError('headAndTail', 'head', 'must be a share between 0 and 1', head);
  return {
    name: 'head-and-tail',
    pieces(ids, room) {
      if (ids.length <= room) return [ids];
      const first = Math.min(room, Math.round(room * head));
      return [[...ids.slice(0, first), ...ids.slice(ids.length - (room - first))]];
    },
  };
}

/**
 * The whole text as pieces that follow one another, each beginning with the last ids of the one before.
 *
 * @param options.overlap ids that two neighbours share. Default 0.
 * @throws {ValueError} unless `overlap` is a whole number ≥ 0. Its `pieces` throw it if a piece has no room for more.
 * @see Sun et al. 2019, section 5.3.1 (hierarchical methods)
 */
export function overlappingChunks({ overlap = 0 }: { readonly overlap?: number } = {}): Cut {
  if (!Number.isInteger(overlap) || overlap < 0)
    throw new ValueError('overlappingChunks', 'overlap', 'must be a whole number ≥ 0', overlap);
  return {
    name: 'chunks',
    pieces(ids, room) {
      if (overlap >= room)
        throw new ValueError(
          'overlappingChunks',
          'overlap',
          `must be less than the ${room} ids of a piece`,
          overlap,
        );
      const pieces: (readonly number[])[] = [];
      for (let start = 0; ; start += room - overlap) {
        pieces.push(ids.slice(start, start + room));
        if (start + room >= ids.length) return pieces;
      }
    },
  };
}

/**
 * An average whose shares are learned: `softmax_l(query · x_l / √E)`. Over the tokens of a text, or over its pieces.
 * Never throws. Its `pool` throws a ShapeError if the query is of another width.
 *
 * @param options.query `[E]`, learned; it stays the caller's
 * @see Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", section 2.2; Sun et al. 2019,
 * section 5.3.1.
 */
export function attentionPooling({ query }: { readonly query: Tensor }): Pooling {
  return {
    name: 'attention',
    pool(hidden, positions) {
      const [B, L, E] = hidden.shape as [number, number, number];
      const rows = hidden.reshape([B, L, 1, E]);
      const ids = tensor(hidden.device, new Int32Array(B), [B]);
      const out = attention(
        {
          q: gather(query.reshape([1, E]), ids).reshape<'B Lq H D'>([B, 1, 1, E]),
          k: rows as Tensor<'B Lk Hkv D'>,
          v: rows as Tensor<'B Lk Hkv Dv'>,
          keyPositions: positions.tensor.reshape<'B Lk'>(positions.shape),
        },
        { causal: false },
      );
      return out.reshape<'B E'>([B, E]);
    },
  };
}

/** How long texts are read. */
export interface LongTextOptions {
  readonly cut: Cut;
  /** Most tokens of a piece: the model's context. */
  readonly context: number;
  /** What the pieces of a text become, one vector each: `(rows) => encoder.predict(rows)`, or `embed`. */
  readonly read: (rows: readonly (readonly number[])[]) => Tensor;
  /** Of the pieces' vectors (`meanOfTokens`, `maxOfTokens`, `attentionPooling`): a piece counts as a token does. */
  readonly pooling: Pooling;
  /** Ids that begin each piece: `[CLS]`. Default none. */
  readonly begin?: readonly number[] | undefined;
  /** Ids that end each piece: `[SEP]`. Default none. */
  readonly end?: readonly number[] | undefined;
  /** Pieces that are read at once. Default 8. */
  readonly batch?: number | undefined;
}

/**
 * Texts of any length through a model of a short context: cut into pieces, read piece by piece, and the vectors of each
 * text's pieces pooled.
 *
 * @example
 * readLong(texts, { cut: overlappingChunks({ overlap: 64 }), pooling: meanOfTokens, context: encoder.context,
 *   begin: [101], end: [102], read: (rows) => encoder.predict(rows) }); // [texts, labels]
 *
 * @param texts ids of each, without the tokens that begin and end one
 * @returns `[B, W]`, as wide as what `read` gives
 * @throws {ValueError} if the context has no room beside `begin` and `end`; what `cut` and `read` throw.
 * @throws {ShapeError} if `read` gives something else than one vector for each piece.
 * @see Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.1,
 * {@link https://arxiv.org/abs/1905.05583}
 */
export function readLong(
  texts: readonly (readonly number[])[],
  { cut, context, read, pooling, begin = [], end = [], batch = 8 }: LongTextOptions,
): Tensor<'B E'> {
  const room = context - begin.length - end.length;
  if (!Number.isInteger(room) || room < 1)
    throw new ValueError('readLong', 'context', 'must have room for an id beside begin and end', context);
  if (!Number.isInteger(batch) || batch < 1)
    throw new ValueError('readLong', 'batch', 'must be a whole number ≥ 1', batch);
  if (texts.length === 0) throw new ValueError('readLong', 'texts', 'must be at least one', 0);
  const cuts = texts.map((ids) => cut.pieces(ids, room).map((piece) => [...begin, ...piece, ...end]));
  const rows = cuts.flat();
  return scope(() => {
    let all: Tensor | undefined;
    let W = 0;
    for (let start = 0; start < rows.length; start += batch) {
      const flat = scope(() => {
        const vectors = read(rows.slice(start, start + batch));
        const count = Math.min(batch, rows.length - start);
        W = vectors.shape[1] ?? 0;
        if (vectors.shape.length !== 2 || vectors.shape[0] !== count)
          throw new ShapeError('readLong', `read must give a vector for each of the ${count} pieces`, [
            { name: 'read', axes: ['B', 'W'], shape: vectors.shape },
          ]);
        const piece: Tensor = vectors.reshape([1, vectors.size]);
        return (all ? concat(all, piece) : piece) as Tensor;
      });
      all = flat;
    }
    const K = Math.max(...cuts.map(({ length }) => length));
    let next = 0;
    const places = cuts.flatMap(({ length }) =>
      Array.from({ length: K }, (_, k) => (k < length ? next++ : -1)),
    );
    const { device } = all!;
    const positions = createPositions(
      device,
      cuts.map((pieces) => pieces.map((_, k) => k)),
    );
    const ids = tensor(device, Int32Array.from(places), [texts.length, K]);
    return pooling.pool(gather<'B L E'>(all!.reshape([rows.length, W]), ids), positions);
  });
}
