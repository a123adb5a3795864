/** Headwise's own device, from its built files. Token-major tensors `[B, L, H, D]`. */
import { ADAM, batch, initial } from '../gpt.mjs';
import { angles, CHECKED, matrices, matrixOf, TIMED, tokenAt, weightCount } from '../llama.mjs';
import { swapAxes } from '../work.mjs';

const here = new URL('../../../', import.meta.url).href;

/** Bytes a weight takes. */
const sizes = { f32: 4, Q8_0: 34 / 32, Q4_0: 18 / 32 };

export async function create({ format = 'f32', root = here, device: name, ...options }) {
  const built = (packageName) => import(new URL(`packages/${packageName}/dist/index.js`, root).href);
  const t = await built('tensor');
  const { attention, linear, scope, tensor } = t;
  const { createWasm, packWeights } = await built('device-wasm');
  const device = await (name ? t.createDevice(name) : createWasm(options));
  const over = (operation) => {
    let out;
    return {
      run: async () => {
        out?.dispose();
        out = scope(operation);
      },
      result: () => out.data(),
    };
  };
  return {
    matmul({ M, N, K }, { a, b }) {
      const [x, weight] = [tensor(device, a, [M, K]), tensor(device, b, [K, N])];
      const made = over(() => linear(x, weight, { transposed: true }));
      return { ...made, dispose: () => [x, weight].forEach((t) => void t.dispose()) };
    },
    attention({ H, Hkv, Lq, Lk, D, window }, { q, k, v }) {
      const inputs = {
        q: tensor(device, swapAxes(q, H, Lq, D), [1, Lq, H, D]),
        k: tensor(device, swapAxes(k, Hkv, Lk, D), [1, Lk, Hkv, D]),
        v: tensor(device, swapAxes(v, Hkv, Lk, D), [1, Lk, Hkv, D]),
      };
      const options = { causal: { offset: Lk - Lq }, ...(window && { window: [window - 1, 0] }) };
      const made = over(() => attention(inputs, options));
      return {
        run: made.run,
        result: async () => swapAxes(await made.result(), Lq, H, D),
        dispose: () => Object.values(inputs).forEach((t) => void t.dispose()),
      };
    },
    async llama(shape) {
      const weights = {};
      for (const [name, O, I] of matrices(shape)) {
        const plain = tensor(device, matrixOf(shape, name), [O, I]);
        weights[name] = format === 'f32' ? plain : packWeights(plain, format);
        if (weights[name] !== plain) plain.dispose();
      }
      const step = stepOf(t, device, shape, weights);
      const logits = [];
      for (let position = 0; position < TIMED.first; position++) {
        const row = await step(position);
        if (position < CHECKED) logits.push(row);
      }
      const weight = async (name) => (format === 'f32' ? matrixOf(shape, name) : weights[name].data());
      return {
        tokens: TIMED.count,
        bytes: weightCount(shape) * sizes[format],
        run: async () => {
          for (let n = 0; n < TIMED.count; n++) await step(TIMED.first + n);
        },
        result: () => ({ logits, weight }),
      };
    },
    async training(shape) {
      const { step, memory, dispose } = await trainerOf(built, t, device, shape);
      return { run: step, loss: step, memory, dispose };
    },
  };
}

/** Steps of training: forward, backward, Adam; each returns its loss. */
async function trainerOf(built, t, device, shape) {
  const { configure, multiHead } = await built('attention-variants');
  const { block, createDecoder, createGeluMlp, createLayerNorm, learnedPositions } = await built('models');
  const { adam, languageModelLoss, OptimizerState } = await built('training');
  const { V, E, H, layers, F, T, B } = shape;
  const params = Object.fromEntries(
    initial(shape).map(({ name, axes, values }) => [name, t.tensor(device, values, axes)]),
  );
  const decoder = createDecoder({
    device,
    weights: params,
    shape: { V, E, H, D: E / H, layers, biases: [...'qkvo'] },
    blocks: block({ attention: configure(multiHead), norm: createLayerNorm(), mlp: createGeluMlp({ F }) }),
    position: learnedPositions({ rows: T }),
    norm: createLayerNorm(),
  });
  const { rate, ...options } = ADAM;
  const state = new OptimizerState(adam(options), params);
  const rows = (values) => Array.from({ length: B }, (_, b) => [...values.subarray(b * T, (b + 1) * T)]);
  const { ids, targets } = batch(shape);
  const data = { ids: rows(ids), targets: rows(targets) };
  const both = t.valueAndGrad(languageModelLoss(decoder));
  return {
    async step() {
      const { value, grads } = both(params, data);
      state.apply(grads, rate);
      const loss = (await value.data())[0];
      for (const made of [value, ...Object.values(grads)]) made.dispose();
      return loss;
    },
    memory: device.memory,
    dispose() {
      state.dispose();
      for (const param of Object.values(params)) param.dispose();
    },
  };
}

/** One token through the model: its logits, on the host. */
function stepOf(t, device, shape, weights) {
  const { E, H, layers, context } = shape;
  const D = E / H;
  const ones = t.tensor(device, new Float32Array(E).fill(1), [E]);
  const caches = Array.from({ length: 2 * layers }, () => t.zeros(device, [1, context, H, D]));
  const [cos, sin] = [Math.cos, Math.sin].map((f) => t.tensor(device, angles(shape, f), [context, D / 2]));
  const heads = (x) => x.reshape([1, 1, H, D]);
  const block = (x, layer, position, at) => {
    const project = (name, from) => t.linear(from, weights[`${name}${layer}`]);
    const [keys, values] = [caches[2 * layer], caches[2 * layer + 1]];
    const y = t.rmsNorm(x, ones);
    const q = t.rotary(heads(project('q', y)), { cos, sin }, at);
    keys.write(position * E, t.rotary(heads(project('k', y)), { cos, sin }, at));
    values.write(position * E, project('v', y));
    const options = { causal: { offset: position }, valid: position + 1 };
    const seen = t.attention({ q, k: keys, v: values }, options).reshape([1, 1, E]);
    const middle = t.add(x, project('o', seen));
    const z = t.rmsNorm(middle, ones);
    return t.add(middle, project('down', t.swiglu(project('gate', z), project('up', z))));
  };
  return async (position) => {
    const logits = t.scope(() => {
      const at = t.tensor(device, Int32Array.of(position), [1, 1]);
      const id = t.tensor(device, Int32Array.of(tokenAt(position, shape)), [1, 1]);
      let x = t.gather(weights.table, id);
      for (let layer = 0; layer < layers; layer++) x = block(x, layer, position, at);
      return t.linear(t.rmsNorm(x, ones), weights.table);
    });
    const values = await logits.data();
    logits.dispose();
    return values;
  };
}
