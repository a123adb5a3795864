import { binary, cast, type Device, type Tensor, tensor } from '@headwise/tensor';

/** Where queries and keys stand; what is left out is counted. */
export interface RelativeCall {
  readonly device: Device;
  readonly Lq: number;
  readonly Lk: number;
  /** Position of query 0 where none are given. */
  readonly offset: number;
  /** `[B | 1, Lq]` i32 */
  readonly queryPositions?: Tensor<string, 'i32'> | undefined;
  /** `[B | 1, Lk]` i32 */
  readonly keyPositions?: Tensor<string, 'i32'> | undefined;
}

/** Positions of queries `[B | 1, Lq, 1]` and keys `[B | 1, 1, Lk]` as values. */
export function positionsOf(call: RelativeCall): { readonly q: Tensor; readonly k: Tensor } {
  const { device, Lq, Lk, offset, queryPositions, keyPositions } = call;
  const values = (given: Tensor<string, 'i32'> | undefined, start: number, L: number): Tensor =>
    given
      ? cast(given, 'f32')
      : tensor(
          device,
          Float32Array.from({ length: L }, (_, i) => start + i),
          [1, L],
        );
  const q = values(queryPositions, offset, Lq);
  const k = values(keyPositions, 0, Lk);
  return { q: q.reshape([q.shape[0]!, Lq, 1]), k: k.reshape([k.shape[0]!, 1, Lk]) };
}

/** `clamp(p_k − p_q, −M, M) + M`, `[B | 1, Lq, Lk]`: a row of a table of 2M + 1 distances. */
export function clampedDistances(call: RelativeCall, M: number): Tensor<string, 'i32'> {
  const number = (value: number): Tensor => tensor(call.device, [value], []);
  const { q, k } = positionsOf(call);
  const distance = binary(k, q, 'subtract');
  const clamped = binary(binary(distance, number(M), 'minimum'), number(-M), 'maximum');
  return cast(binary(clamped, number(M), 'add'), 'i32') as Tensor<string, 'i32'>;
}
