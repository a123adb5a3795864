import { bindAxes, sizeOf, withoutLast } from '../axes.ts';
import { defineOp } from '../op.ts';
import { type Tensor, tensor } from '../tensor.ts';
import { linear } from './linear.ts';
import { permute } from './permute.ts';
import { f32 } from './rows.ts';

/** Which gradients of a projection, and how its weight lies. */
export interface LinearGradientParams {
  /** The weight is `[I, O]`. */
  readonly transposed: boolean;
  readonly wants: readonly ('weight' | 'bias')[];
}

/**
 * The gradients of the weight and the bias of `linear`, in the order of `wants`: sums over all rows.
 *
 * ```text
 * x  [..., I]       absent where only the bias is wanted
 * dy [..., O]
 * dweight[o, i] = Σ_n dy[n, o] · x[n, i]   [O, I], or [I, O] with `transposed`
 * dbias[o]      = Σ_n dy[n, o]             [O]
 * ```
 */
export const linearGradientOp = defineOp<{ x?: Tensor | undefined; dy: Tensor }, LinearGradientParams>({
  name: 'linearGradient',
  outputs({ x, dy }, { transposed, wants }) {
    const lead = dy.shape.map((_, axis) => (axis === dy.shape.length - 1 ? '' : `axis${axis} `)).join('');
    bindAxes('linearGradient', { dy: [dy, `${lead}O`], x: x && [x, `${lead}I`] });
    const O = dy.shape.at(-1)!;
    const weight = (): readonly number[] => {
      const { I } = bindAxes('linearGradient', { x: [x!, '... I'] });
      return transposed ? [I, O] : [O, I];
    };
    return wants.map((name) => f32(name === 'weight' ? weight() : [O]));
  },
  reference({ x, dy }, { transposed, wants }) {
    const O = dy.shape.at(-1)!;
    const N = sizeOf(withoutLast(dy.shape));
    const made = {
      weight(): Float64Array {
        const I = x!.shape.at(-1)!;
        const sums = new Float64Array(O * I);
        for (let n = 0; n < N; n++)
          for (let o = 0; o < O; o++)
            for (let i = 0; i < I; i++)
              sums[transposed ? i * O + o : o * I + i]! += dy.data[n * O + o]! * x!.data[n * I + i]!;
        return sums;
      },
      bias(): Float64Array {
        const sums = new Float64Array(O);
        for (let n = 0; n < N; n++) for (let o = 0; o < O; o++) sums[o]! += dy.data[n * O + o]!;
        return sums;
      },
    };
    return wants.map((name) => made[name]());
  },
  lower({ x, dy }, { transposed, wants }) {
    const [N, O] = [sizeOf(withoutLast(dy.shape)), dy.shape.at(-1)!];
    const rows = dy.reshape([N, O]);
    const made = {
      weight(): Tensor {
        const ins = x!.reshape([N, x!.shape.at(-1)!]);
        return transposed
          ? linear(permute(ins, [1, 0]), rows, { transposed: true })
          : linear(permute(rows, [1, 0]), ins, { transposed: true });
      },
      // a product with ones: columns are summed up where they lie
      bias: (): Tensor =>
        linear(tensor(dy.device, new Float32Array(N).fill(1), [1, N]), rows, { transposed: true }).reshape([
          O,
        ]),
    };
    return wants.map((name) => made[name]());
  },
});
