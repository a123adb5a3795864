/** Headwise's own device, from its built files. Token-major tensors `[B, L, H, D]`. */
import { swapAxes } from '../work.mjs';

const built = (name) => import(new URL(`../../../packages/${name}/dist/index.js`, import.meta.url).href);

export async function create(options) {
  const { attention, linear, scope, tensor } = await built('tensor');
  const { createWasm } = await built('device-wasm');
  const device = await createWasm(options);
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
  };
}
