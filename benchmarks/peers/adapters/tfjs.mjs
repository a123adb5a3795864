/**
 * TensorFlow.js on its WebAssembly backend. Trap: a batched or transposed matMul leaves the fast path (2 s instead of
 * 70 ms at 1024 tokens), so attention is one 2-D product per key head, with the transposition spelled out. Threads
 * do not start in Node.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as wasm from '@tensorflow/tfjs-backend-wasm';

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
  };
}
