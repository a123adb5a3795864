/**
 * TensorFlow.js on its WebAssembly backend. Trap: a batched or transposed matMul leaves the fast path (2 s instead of
 * 70 ms at 1024 tokens), so attention is one 2-D product per key head, with the transposition spelled out. Threads
 * do not start in Node.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as wasm from '@tensorflow/tfjs-backend-wasm';
import { ADAM, batch, initial } from '../gpt.mjs';

export async function create() {
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  wasm.setWasmPaths(`${folder}/`);
  tf.env().set('WASM_HAS_SIMD_SUPPORT', true);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend did not start');
  await tf.ready();
  const over = (operation, inputs) => {
    let out;
    return {
      run: async () => {
        const y = tf.tidy(operation);
        out = y.dataSync();
        y.dispose();
      },
      result: () => out,
      dispose: () => tf.dispose(inputs),
    };
  };
  return {
    matmul({ M, N, K }, { a, b }) {
      const [x, y] = [tf.tensor2d(a, [M, K]), tf.tensor2d(b, [K, N])];
      return over(() => tf.matMul(x, y), [x, y]);
    },
    attention({ H, Hkv, Lq, Lk, D, window = Infinity }, { q, k, v }) {
      const group = H / Hkv;
      const rows = group * Lq;
      const part = (x, n, length) =>
        tf.tensor2d(x.subarray(n * length * D, (n + 1) * length * D), [length, D]);
      const heads = Array.from({ length: Hkv }, (_, n) => ({
        q: part(q, n, rows),
        k: part(k, n, Lk),
        v: part(v, n, Lk),
      }));
      const scale = tf.scalar(1 / Math.sqrt(D));
      let mask;
      if (Lq > 1) {
        const values = new Float32Array(rows * Lk);
        for (let r = 0; r < rows; r++)
          for (let j = 0; j < Lk; j++) if (j > r % Lq || j <= (r % Lq) - window) values[r * Lk + j] = -1e30;
        mask = tf.tensor2d(values, [rows, Lk]);
      }
      const one = ({ q, k, v }) => {
        const scaled = tf.mul(q, scale);
        // decoding, the transposition costs more than it saves
        const raw = mask ? tf.matMul(scaled, tf.transpose(k)) : tf.matMul(scaled, k, false, true);
        return tf.matMul(tf.softmax(mask ? tf.add(raw, mask) : raw), v);
      };
      return over(() => tf.concat(heads.map(one), 0), [heads.map(Object.values), scale, mask ?? []]);
    },
    training: trainer,
  };
}

/**
 * Gradients by `variableGrads`, Adam by its own optimizer (whose ε stands where Kingma & Ba's remark has it, which the
 * loss of three steps does not show). Ids are one-hot rows: the backend has no gradient of a gather. It has no erf
 * either: GELU is the tanh form.
 */
function trainer(shape) {
  const { V, E, H, layers, T, B } = shape;
  const [N, D] = [B * T, E / H];
  const p = Object.fromEntries(
    initial(shape).map(({ name, axes, values }) => {
      const made = tf.tensor(values, axes);
      const turned = axes.length > 1 && name !== 'embed' && name !== 'position.table';
      return [name, tf.variable(turned ? tf.transpose(made) : made)];
    }),
  );
  const norm = (name, x) => {
    const shifted = tf.sub(x, tf.mean(x, -1, true));
    const deviation = tf.sqrt(tf.add(tf.mean(tf.mul(shifted, shifted), -1, true), 1e-5));
    return tf.add(tf.mul(tf.div(shifted, deviation), p[`${name}.weight`]), p[`${name}.bias`]);
  };
  const product = (name, x) => tf.add(tf.matMul(x, p[name]), p[`${name}.bias`]);
  const heads = (x) => tf.reshape(tf.transpose(tf.reshape(x, [B, T, H, D]), [0, 2, 1, 3]), [B * H, T, D]);
  const gelu = (x) => {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  };
  const { ids, targets } = batch(shape);
  const [x0, y0] = [ids, targets].map((of) => tf.cast(tf.oneHot(tf.tensor1d(of, 'int32'), V), 'float32'));
  const hidden = new Float32Array(T * T);
  for (let i = 0; i < T; i++) hidden.fill(-1e9, i * T + i + 1, (i + 1) * T);
  const mask = tf.tensor2d(hidden, [T, T]);
  const lossOf = () => {
    const embedded = tf.reshape(tf.matMul(x0, p.embed), [B, T, E]);
    let x = tf.reshape(tf.add(embedded, p['position.table']), [N, E]);
    for (let layer = 0; layer < layers; layer++) {
      const at = `layers.${layer}.`;
      const y = norm(`${at}attentionNorm`, x);
      const [q, k, v] = [...'qkv'].map((which) => heads(product(`${at}attention.${which}`, y)));
      const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(D)), mask);
      const mixed = tf.reshape(tf.matMul(tf.softmax(scores), v), [B, H, T, D]);
      const seen = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [N, E]);
      x = tf.add(x, product(`${at}attention.o`, seen));
      x = tf.add(x, product(`${at}mlp.down`, gelu(product(`${at}mlp.up`, norm(`${at}mlpNorm`, x)))));
    }
    const logits = tf.matMul(norm('norm', x), p.embed, false, true);
    const top = tf.max(logits, -1, true);
    const shifted = tf.sub(logits, top);
    const lse = tf.log(tf.sum(tf.exp(shifted), -1, true));
    return tf.mul(tf.sum(tf.mul(tf.sub(shifted, lse), y0)), -1 / N);
  };
  const { rate, beta1, beta2, eps } = ADAM;
  const optimizer = tf.train.adam(rate, beta1, beta2, eps);
  const run = async () => {
    const { value, grads } = tf.tidy(() => tf.variableGrads(lossOf));
    optimizer.applyGradients(grads);
    const loss = value.dataSync()[0];
    tf.dispose([value, grads]);
    return loss;
  };
  return { run, loss: run };
}
