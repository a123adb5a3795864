import { alibiSlopes } from '@headwise/positional';
import {
  binary,
  type Device,
  gather,
  keep,
  type PositionBias,
  permute,
  type Tensor,
  tensor,
} from '@headwise/tensor';
import { bfloat16 } from '../formats/half.ts';

/**
 * Falcon's ALiBi: the slope times the position of the key, rounded to bfloat16 before it is added, as the model was
 * trained and as transformers computes it in every dtype, and multiplied like the scores are.
 *
 * ```text
 * score[h, i, j] += scale · bf16(bf16(slope[h]) · bf16(p_j))      a distance, since a row may gain a constant
 * ```
 *
 * The rounding shows where a slope is no power of two (more than 8 heads), and beyond 256 positions.
 * Press et al. 2021, "Train Short, Test Long", section 3; slopes as `alibiSlopes`. Never throws.
 *
 * @param positions most of them: rows of a table `[positions, H]`, made once a device
 */
export function roundedAlibi({
  positions,
  scale,
}: {
  readonly positions: number;
  readonly scale: number;
}): PositionBias {
  const tables = new WeakMap<Device, Tensor<'N H'>>();
  const tableOf = (device: Device, H: number): Tensor<'N H'> => {
    const slopes = Array.from(alibiSlopes(H), bfloat16);
    const value = (n: number): number => scale * bfloat16(slopes[n % H]! * bfloat16(Math.floor(n / H)));
    const numbers = Float32Array.from({ length: positions * H }, (_, n) => value(n));
    return keep(tensor<'N H'>(device, numbers, [positions, H]));
  };
  return {
    kind: 'bias',
    name: 'alibi',
    bias(device, H, Lq, Lk, _offset, { keyPositions } = {}) {
      const table = tables.get(device) ?? tableOf(device, H);
      tables.set(device, table);
      const inOrder = (): Tensor<string, 'i32'> =>
        tensor(
          device,
          Int32Array.from({ length: Lk }, (_, j) => j),
          [1, Lk],
        );
      const [B] = keyPositions?.shape ?? [1];
      const perKey = permute(gather(table, keyPositions ?? inOrder()), [0, 2, 1]); // [B, H, Lk]
      const everyQuery = tensor(device, new Float32Array(Lq), [1, 1, Lq, 1]);
      return { bias: binary<'B H Lq Lk'>(perKey.reshape([B!, H, 1, Lk]), everyQuery, 'add') };
    },
  };
}
