import { configure, multiHead } from '@headwise/attention-variants';
import { createDevice, createPositions, createReference, type Tensor, tensor } from '@headwise/tensor';
import { assertClose, seededValues } from '@headwise/tensor/testing';
import { describe, expect, it } from 'vitest';
import { block } from '../block.ts';
import { embed } from '../embed.ts';
import { createEncoder, type Encoder, encoderParameters } from '../encoder.ts';
import {
  type Activation,
  exactGelu,
  gateBy,
  hyperbolic,
  rectifier,
  sigmoidGelu,
  swish,
  tanhGelu,
} from '../parts/activations.ts';
import { createGatedMlp } from '../parts/feed-forward.ts';
import { createLayerNorm } from '../parts/norms.ts';
import { randomWeights } from '../random-weights.ts';
import { createClassifier, createPooler, createTokenClassifier } from './classifier.ts';
import type { Head } from './head.ts';
import { createMaskedLm } from './masked-lm.ts';
import { firstToken, maxOfTokens, meanOfTokens, normalized } from './pooling.ts';

describe('poolings leave padding out, whatever stands there', () => {
  const device = createReference();
  const nan = Number.NaN;
  const hidden = (): Tensor<'B L E'> =>
    tensor(device, [1, -5, 3, -2, nan, nan, -4, -6, nan, nan, nan, nan], [2, 3, 2]);
  const positions = createPositions(device, [[0, 1], [0]]);
  const padded = {
    ...positions,
    ...createPositions(device, [
      [0, 1, -1],
      [0, -1, -1],
    ]),
  };

  it.each([
    { pooling: firstToken, want: [1, -5, -4, -6] },
    { pooling: meanOfTokens, want: [2, -3.5, -4, -6] },
    { pooling: maxOfTokens, want: [3, -2, -4, -6] },
  ])('$pooling.name', async ({ pooling, want }) => {
    expect([...(await pooling.pool(hidden(), padded).data())]).toEqual(want);
  });

  it('first is the first token where padding stands before it', async () => {
    const left = createPositions(device, [
      [-1, 0],
      [0, 1],
    ]);
    const x = tensor<'B L E'>(device, [nan, 7, 8, 9], [2, 2, 1]);
    expect([...(await firstToken.pool(x, left).data())]).toEqual([7, 8]);
  });

  it('a vector of length 1 points where it did, one of zeros stays', async () => {
    const x = tensor<'B E'>(device, [3, 4, 0, 0, 1e-6, 0], [3, 2]);
    assertClose(await normalized(x).data(), [0.6, 0.8, 0, 0, 1, 0], { atol: 1e-6, rtol: 1e-6 });
  });
});

describe('activations are their formulas', () => {
  /** Φ by its series. */
  const phi = (x: number): number => {
    let [sum, term] = [x / Math.SQRT2, x / Math.SQRT2];
    for (let n = 1; n < 80; n++) {
      term *= -(x * x) / 2 / n;
      sum += term / (2 * n + 1);
    }
    return 0.5 + sum / Math.sqrt(Math.PI);
  };
  const formulas: [Activation, (x: number) => number][] = [
    [exactGelu, (x) => x * phi(x)],
    [tanhGelu, (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
    [sigmoidGelu, (x) => x / (1 + Math.exp(-1.702 * x))],
    [rectifier, (x) => Math.max(x, 0)],
    [swish, (x) => x / (1 + Math.exp(-x))],
    [hyperbolic, Math.tanh],
  ];
  const x = [-3, -1.5, -0.25, 0, 0.5, 1.25, 3];
  const up = [...x].reverse();

  const cases = formulas.map(([activation, formula]) => ({ activation, formula }));
  it.each(cases)('$activation.name, and as a gate', async ({ activation, formula }) => {
    for (const name of ['reference', 'wasm', 'gpujs:webasm']) {
      const device = await createDevice(name);
      const [a, b] = [tensor(device, x, [7]), tensor(device, up, [7])];
      const close = { atol: 1e-5, rtol: 1e-5 };
      assertClose(await activation.apply(a).data(), x.map(formula), close);
      const gated = x.map((value, i) => formula(value) * up[i]!);
      assertClose(await gateBy(activation, a, b).data(), gated, close);
    }
  });

  it('a gated feed-forward with any of them: down · (act(gate · x) · (up · x))', async () => {
    const device = createReference();
    const mlp = createGatedMlp({ F: 2, activation: rectifier });
    const weights = {
      gate: tensor(device, [1, 0, -1, 0], [2, 2]),
      up: tensor(device, [0, 2, 0, 3], [2, 2]),
      down: tensor(device, [1, 0, 0, 1], [2, 2]),
    };
    const y = mlp.apply(tensor<'B L E'>(device, [5, 7], [1, 1, 2]), weights);
    expect([...(await y.data())]).toEqual([70, 0]);
  });
});

function encoderWith(head: Head | undefined): Encoder {
  const parts = {
    shape: { V: 11, E: 8, H: 2, D: 4, layers: 1 },
    blocks: block({
      attention: configure(multiHead, { causal: false }),
      norm: createLayerNorm(),
      mlp: createGatedMlp({ F: 12, activation: swish }),
    }),
    norm: createLayerNorm(),
    head,
  };
  const device = createReference();
  return createEncoder({ ...parts, device, weights: randomWeights(device, encoderParameters(parts)) });
}

describe('what an encoder makes of its head', () => {
  const ids = [
    [3, 1, 4],
    [1, 5],
  ];
  const norm = createLayerNorm();
  const labels = ['a', 'b', 'c'];

  it.each([
    { head: createMaskedLm({ activation: exactGelu, norm }), shape: [2, 3, 11] },
    {
      head: createMaskedLm({ activation: exactGelu, norm, width: 6, tied: false, bias: false }),
      shape: [2, 3, 11],
    },
    { head: createClassifier({ labels, norm, denseBias: false, pooling: meanOfTokens }), shape: [2, 3] },
    { head: createTokenClassifier({ labels }), shape: [2, 3, 3] },
    { head: createTokenClassifier({ labels, activation: exactGelu, norm }), shape: [2, 3, 3] },
    { head: createPooler(), shape: [2, 8] },
  ])('$head.name: each text as if alone, and nothing is left behind', async ({ head, shape }) => {
    const encoder = encoderWith(head);
    const memory = { ...encoder.device.memory };
    const all = encoder.predict(ids);
    expect(all.shape).toEqual(shape);
    const numbers = await all.data();
    all.dispose();
    for (const [b, row] of ids.entries()) {
      using one = encoder.predict(row);
      const each = numbers.slice((b * numbers.length) / 2).slice(0, one.size);
      assertClose(each, await one.data(), { atol: 1e-5, rtol: 1e-5 });
    }
    expect(encoder.device.memory).toMatchObject({ buffers: memory.buffers, liveBytes: memory.liveBytes });
    expect(head.per === 'text' ? shape.length : shape.length - 1).toBe(2);
  });

  it('vectors of texts leave nothing behind', async () => {
    const encoder = encoderWith(undefined);
    const { buffers, liveBytes } = encoder.device.memory;
    using vectors = embed(encoder, ids);
    const numbers = await vectors.data();
    for (const b of [0, 1]) {
      const row = numbers.slice(b * 8, b * 8 + 8);
      expect(row.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
    }
    vectors.dispose();
    expect(encoder.device.memory).toMatchObject({ buffers, liveBytes });
  });

  it('is refused where there is none', () => {
    expect(() => encoderWith(undefined).predict(ids)).toThrow('head must be among the parts');
  });
});

it('an untied head reads a table of its own', async () => {
  const device = createReference();
  const head = createMaskedLm({ activation: rectifier, norm: createLayerNorm(), tied: false });
  const shapes = head.parameters({ V: 5, E: 4, H: 1, D: 4, layers: 1 });
  const weights = Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => {
      const size = shape.reduce((product, axis) => product * axis, 1);
      return [name, tensor(device, seededValues(size, i), shape)];
    }),
  );
  const x = tensor<'B L E'>(device, seededValues(8, 9), [1, 2, 4]);
  const at = createPositions(device, { start: 0, L: 2 });
  const logits = async (embedding: number): Promise<number[]> => {
    const table = tensor(device, seededValues(20, embedding), [5, 4]);
    return [...(await head.apply(x, { ...weights, embed: table }, at).data())];
  };
  expect(await logits(20)).toEqual(await logits(21));
});
