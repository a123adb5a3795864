/**
 * ONNX Runtime, native (`onnxruntime-node`) and WebAssembly (`onnxruntime-web`), through models of one operation.
 *
 * Traps: GroupQueryAttention copies its whole cache at each call when used plainly and crawls in the web build, so
 * attention is the Attention operator of opset 23 or the composed form; b of a product is an initializer, which the
 * runtime packs once. In the Llama shape the copy is of 256 positions at most, and the operator what exported models use.
 */
import { angles, CHECKED, matrices, matrixOf, TIMED, tokenAt, weightCount } from '../llama.mjs';
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
    llama: async (shape) => decoder(ort, await session(llama(shape)), shape),
  };
}

async function decoder(ort, session, shape) {
  const { E, H, layers } = shape;
  const integers = (type, value, dims) => new ort.Tensor(type, [value], dims);
  const caches = (from) =>
    Object.fromEntries(
      Array.from({ length: layers }, (_, layer) => ['keys', 'values'].map((name) => `${name}${layer}`))
        .flat()
        .map((name) => [`past-${name}`, from[name]]),
    );
  const step = (position, past) =>
    session.run({
      id: integers('int64', BigInt(tokenAt(position, shape)), [1, 1]),
      last: integers('int32', position, [1]),
      total: integers('int32', position + 1, [1]),
      ...past,
    });
  const none = new ort.Tensor('float32', new Float32Array(0), [1, H, 0, E / H]);
  let past = caches(new Proxy({}, { get: () => none }));
  const logits = [];
  for (let position = 0; position < TIMED.first; position++) {
    const out = await step(position, past);
    if (position < CHECKED) logits.push(Float32Array.from(out.logits.data));
    past = caches(out);
  }
  return {
    tokens: TIMED.count,
    bytes: weightCount(shape) * 4,
    run: async () => {
      let longer = past;
      for (let n = 0; n < TIMED.count; n++) longer = caches(await step(TIMED.first + n, longer));
    },
    result: () => ({ logits, weight: async (name) => matrixOf(shape, name) }),
    dispose: () => session.release(),
  };
}

/** The Llama shape as a graph of the operators that exported models have. */
function llama(shape) {
  const { E, H, V, layers, context } = shape;
  const D = E / H;
  const halfAngles = (f) => ({ dims: [context, D / 2], data: angles(shape, f) });
  const constants = {
    ones: { dims: [E], data: new Float32Array(E).fill(1) },
    cos: halfAngles(Math.cos),
    sin: halfAngles(Math.sin),
    table: { dims: [V, E], data: matrixOf(shape, 'table') },
  };
  for (const [name, O, I] of matrices(shape))
    constants[`${name}-t`] = { dims: [I, O], data: transposed(matrixOf(shape, name), O, I) };
  const inputs = {
    id: { dims: [1, 1], type: 'int64' },
    last: { dims: [1], type: 'int32' },
    total: { dims: [1], type: 'int32' },
  };
  const outputs = { logits: [1, 1, V] };
  const nodes = [{ op: 'Gather', inputs: ['table', 'id'], outputs: ['x'] }];
  const add = (op, from, to, rest = {}) => nodes.push({ op, inputs: from, outputs: to, ...rest });
  const norm = (from, to) =>
    add('SimplifiedLayerNormalization', [from, 'ones'], [to], {
      attributes: { axis: -1, epsilon: { float: 1e-5 } },
    });
  let x = 'x';
  for (let n = 0; n < layers; n++) {
    const project = (from, name) => add('MatMul', [from, `${name}${n}-t`], [`${name}${n}`]);
    norm(x, `y${n}`);
    for (const name of ['q', 'k', 'v']) project(`y${n}`, name);
    const state = ['keys', 'values'].map((name) => `${name}${n}`);
    add(
      'GroupQueryAttention',
      [`q${n}`, `k${n}`, `v${n}`, ...state.map((name) => `past-${name}`), 'last', 'total', 'cos', 'sin'],
      [`seen${n}`, ...state],
      { domain: 'com.microsoft', attributes: { num_heads: H, kv_num_heads: H, do_rotary: 1 } },
    );
    for (const name of state) {
      inputs[`past-${name}`] = [1, H, 'past', D];
      outputs[name] = [1, H, 'all', D];
    }
    project(`seen${n}`, 'o');
    add('Add', [x, `o${n}`], [`middle${n}`]);
    norm(`middle${n}`, `z${n}`);
    for (const name of ['gate', 'up']) project(`z${n}`, name);
    add('Sigmoid', [`gate${n}`], [`share${n}`]);
    add('Mul', [`gate${n}`, `share${n}`], [`silu${n}`]);
    add('Mul', [`silu${n}`, `up${n}`], [`hidden${n}`]);
    project(`hidden${n}`, 'down');
    x = `x${n}`;
    add('Add', [`middle${n}`, `down${n}`], [x]);
  }
  norm(x, 'last-y');
  add('MatMul', ['last-y', 'table-t'], ['logits']);
  return { nodes, constants, inputs, outputs };
}

function transposed(w, O, I) {
  const out = new Float32Array(w.length);
  for (let o = 0; o < O; o++) for (let i = 0; i < I; i++) out[i * O + o] = w[o * I + i];
  return out;
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
