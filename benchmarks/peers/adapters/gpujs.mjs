/** gpu.js through Headwise's own device of it, the common engine of the variants; from the built files. */
import { swapAxes } from '../work.mjs';

export async function create({ mode }) {
  const { attention, createDevice, linear, scope, tensor } = await import(
    new URL('../../../packages/tensor/dist/index.js', import.meta.url).href
  );
  const device = await createDevice(`gpujs:${mode}`);
  const over = (operation, finish = (x) => x) => {
    let values;
    return {
      run: async () => {
        const out = scope(operation);
        values = await out.data();
        out.dispose();
      },
      result: () => finish(values),
    };
  };
  return {
    matmul({ M, N, K }, { a, b }) {
      const [x, weight] = [tensor(device, a, [M, K]), tensor(device, b, [K, N])];
      return over(() => linear(x, weight, { transposed: true }));
    },
    attention({ H, Hkv, Lq, Lk, D, window }, { q, k, v }) {
      if (Lq > 1100) return { skip: 'too slow' };
      const made = (x, heads, L) => tensor(device, swapAxes(x, heads, L, D), [1, L, heads, D]);
      const inputs = { q: made(q, H, Lq), k: made(k, Hkv, Lk), v: made(v, Hkv, Lk) };
      const options = { causal: { offset: Lk - Lq }, ...(window && { window: [window - 1, 0] }) };
      return over(
        () => attention(inputs, options),
        (x) => swapAxes(x, Lq, H, D),
      );
    },
  };
}
