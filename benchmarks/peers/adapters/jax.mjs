/** jax-js on its WebAssembly device (needs Node 22). */
import { defaultDevice, init, jit, nn, numpy } from '@jax-js/jax';
import { swapAxes } from '../work.mjs';

export async function create() {
  const devices = await init('wasm');
  if (!devices.includes('wasm')) throw new Error(`devices: ${devices}`);
  defaultDevice('wasm');
  const over = (operation, inputs, finish = (x) => x) => {
    const compiled = jit(operation);
    let out;
    return {
      run: async () => {
        out = await compiled(...inputs.map((x) => x.ref)).data();
      },
      result: () => finish(out),
    };
  };
  return {
    matmul({ M, N, K }, { a, b }) {
      return over(numpy.matmul, [numpy.array(a).reshape([M, K]), numpy.array(b).reshape([K, N])]);
    },
    attention({ H, Hkv, Lq, Lk, D, window }, { q, k, v }) {
      if (window) return { skip: 'no window' };
      const made = (x, heads, L) => numpy.array(swapAxes(x, heads, L, D)).reshape([1, L, heads, D]);
      const attend = (x, y, z) => nn.dotProductAttention(x, y, z, { isCausal: Lq > 1 });
      const inputs = [made(q, H, Lq), made(k, Hkv, Lk), made(v, Hkv, Lk)];
      return over(attend, inputs, (x) => swapAxes(x, Lq, H, D));
    },
  };
}
