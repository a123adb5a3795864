/**
 * ONNX Runtime, native (`onnxruntime-node`) and WebAssembly (`onnxruntime-web`), through models of one operation.
 *
 * Traps: GroupQueryAttention copies its whole cache at each call when used plainly and crawls in the web build, so
 * attention is the Attention operator of opset 23 or the composed form; b of a product is an initializer, which the
 * runtime packs once.
 */
import { encodeModel } from '../onnx.mjs';

export async function create({ package: name, threads, form }) {
  const ort = await import(name);
  const web = name === 'onnxruntime-web';
  if (web) {
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = 'error';
  }
  const session = (model) =>
    ort.InferenceSession.create(encodeModel(model), {
      executionProviders: [web ? 'wasm' : 'cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
  const over = async (model, feeds, name) => {
    const made = await session(model);
    let out;
    return {
      run: async () => {
        out = await made.run(feeds);
      },
      result: () => out[name].data,
      dispose: () => made.release(),
    };
  };
  const f32 = (data, dims) => new ort.Tensor('float32', data, dims);
  return {
    matmul: ({ M, N, K }, { a, b }) =>
      over(
        {
          nodes: [{ op: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }],
          constants: { b: { dims: [K, N], data: b } },
          inputs: { a: [M, K] },
          outputs: { c: [M, N] },
        },
        { a: f32(a, [M, K]) },
        'c',
      ),
    attention(work, { q, k, v }) {
      const { H, Hkv, Lq, Lk, D, window } = work;
      const shapes = { q: [1, H, Lq, D], k: [1, Hkv, Lk, D], v: [1, Hkv, Lk, D] };
      const feeds = { q: f32(q, shapes.q), k: f32(k, shapes.k), v: f32(v, shapes.v) };
      if (form === 'attention' && window) return { skip: 'the operator has no window' };
      const model = form === 'attention' ? operator(work, shapes) : composed(work, shapes);
      return over(model, feeds, 'y');
    },
  };
}

function operator({ Lq, D, H }, shapes) {
  const attributes = { is_causal: Lq === 1 ? 0 : 1, scale: { float: 1 / Math.sqrt(D) } };
  return {
    opset: 23,
    nodes: [{ op: 'Attention', inputs: ['q', 'k', 'v'], outputs: ['y'], attributes }],
    inputs: shapes,
    outputs: { y: [1, H, Lq, D] },
  };
}

/** MatMul, mask, Softmax, MatMul; grouped heads as rows of one product per key head. */
function composed({ H, Hkv, Lq, Lk, D, window = Infinity }, shapes) {
  const rows = (H / Hkv) * Lq;
  const mask = new Float32Array(rows * Lk);
  for (let r = 0; r < rows; r++) {
    const last = Lk - Lq + (r % Lq);
    for (let j = 0; j < Lk; j++) if (j > last || j <= last - window) mask[r * Lk + j] = -1e30;
  }
  const masked = Lq > 1;
  return {
    nodes: [
      { op: 'Reshape', inputs: ['q', 'rows'], outputs: ['qr'] },
      {
        op: 'FusedMatMul',
        domain: 'com.microsoft',
        inputs: ['qr', 'k'],
        outputs: ['s'],
        attributes: { transB: 1, alpha: { float: 1 / Math.sqrt(D) } },
      },
      ...(masked ? [{ op: 'Add', inputs: ['s', 'mask'], outputs: ['t'] }] : []),
      { op: 'Softmax', inputs: [masked ? 't' : 's'], outputs: ['p'], attributes: { axis: -1 } },
      { op: 'MatMul', inputs: ['p', 'v'], outputs: ['yr'] },
      { op: 'Reshape', inputs: ['yr', 'heads'], outputs: ['y'] },
    ],
    constants: {
      rows: { dims: [4], integers: [1, Hkv, rows, D] },
      heads: { dims: [4], integers: [1, H, Lq, D] },
      ...(masked && { mask: { dims: [1, 1, rows, Lk], data: mask } }),
    },
    inputs: shapes,
    outputs: { y: [1, H, Lq, D] },
  };
}
