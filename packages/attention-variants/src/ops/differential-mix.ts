import {
  binary,
  bindAxes,
  defineOp,
  multiply,
  reduce,
  run,
  type Tensor,
  tensor,
  unary,
} from '@headwise/tensor';

/** The learned vectors `[D]` that make λ. */
export interface LambdaVectors {
  readonly lambdaQ1: Tensor<'D'>;
  readonly lambdaK1: Tensor<'D'>;
  readonly lambdaQ2: Tensor<'D'>;
  readonly lambdaK2: Tensor<'D'>;
}

type Inputs = { readonly a: Tensor; readonly b: Tensor } & {
  readonly [Name in keyof LambdaVectors]: LambdaVectors[Name];
};

/**
 * `y = a − λ · b` with a learned λ, where the two softmax maps of a differential head are subtracted.
 *
 * ```text
 * a, b                                  [...]   of one shape
 * lambdaQ1, lambdaK1, lambdaQ2, lambdaK2 [D]
 * λ = exp(lambdaQ1 · lambdaK1) − exp(lambdaQ2 · lambdaK2) + init
 * →                                     [...]
 * ```
 *
 * Ye et al. 2024, "Differential Transformer", eq. 1 and 2.
 */
export const differentialMixOp = defineOp<Inputs, { init: number }>({
  name: 'differentialMix',
  outputs({ a, b, lambdaQ1, lambdaK1, lambdaQ2, lambdaK2 }) {
    const axes = a.shape.map((_, i) => `axis${i}`).join(' ');
    bindAxes('differentialMix', { a: [a, axes], b: [b, axes] });
    bindAxes('differentialMix', {
      lambdaQ1: [lambdaQ1, 'D'],
      lambdaK1: [lambdaK1, 'D'],
      lambdaQ2: [lambdaQ2, 'D'],
      lambdaK2: [lambdaK2, 'D'],
    });
    return [{ shape: a.shape, dtype: 'f32' }];
  },
  reference({ a, b, lambdaQ1, lambdaK1, lambdaQ2, lambdaK2 }, { init }) {
    const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number => {
      let sum = 0;
      for (let d = 0; d < x.length; d++) sum += x[d]! * y[d]!;
      return sum;
    };
    const lambda =
      Math.exp(dot(lambdaQ1.data, lambdaK1.data)) - Math.exp(dot(lambdaQ2.data, lambdaK2.data)) + init;
    return [Float64Array.from(a.data as Float64Array, (x, i) => x - lambda * b.data[i]!)];
  },
  gpujs({ a, lambdaQ1 }, { init }) {
    const length = a.shape.reduce((size, axis) => size * axis, 1);
    return {
      steps: [
        {
          name: 'lambda',
          source: lambdaSource,
          constants: { D: lambdaQ1.shape[0]! },
          args: ['lambdaQ1', 'lambdaK1', 'lambdaQ2', 'lambdaK2', { float: init }],
          length: 1,
        },
        { name: 'y', source: mixSource, args: ['a', 'b', 'lambda'], length },
      ],
      outputs: ['y'],
    };
  },
  lower({ a, b, lambdaQ1, lambdaK1, lambdaQ2, lambdaK2 }, { init }) {
    const exponential = (q: Tensor, k: Tensor): Tensor => unary(reduce(multiply(q, k), 'sum'), 'exp');
    const difference = binary(exponential(lambdaQ1, lambdaK1), exponential(lambdaQ2, lambdaK2), 'subtract');
    const lambda = binary(difference, tensor(a.device, [init], []), 'add');
    return [binary(a, binary(b, lambda, 'multiply'), 'subtract')];
  },
});

const lambdaSource = `function (q1, k1, q2, k2, init) {
    let first = 0.0; let second = 0.0;
    for (let d = 0; d < this.constants.D; d++) {
      first += q1[d] * k1[d]; second += q2[d] * k2[d];
    }
    return Math.exp(first) - Math.exp(second) + init;
  }`;

const mixSource = `function (a, b, lambda) {
    return a[this.thread.x] - lambda[0] * b[this.thread.x];
  }`;

/**
 * `a − λ · b`.
 *
 * @param init λ_init, which grows with the depth of the layer
 * @throws {ShapeError} if `a` and `b`, or the vectors, differ in shape.
 */
export function differentialMix(a: Tensor, b: Tensor, vectors: LambdaVectors, init: number): Tensor {
  return run(differentialMixOp, { a, b, ...vectors }, { init })[0] as Tensor;
}
