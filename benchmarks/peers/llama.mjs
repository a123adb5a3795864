/**
 * A Llama shape with random weights: what every peer builds, and the float64 reference of its first tokens. Half-split
 * rotary positions, RMSNorm with weights of 1, SwiGLU, the output projection shares the embedding table.
 */

/** Tokens that are compared with the reference, and those that are timed: the middle of a context of 256. */
export const CHECKED = 4;
export const TIMED = { first: 124, count: 8 };

export const llamaShapes = [
  { kind: 'llama', name: '15M', E: 288, layers: 6, H: 6, F: 768, V: 32000, context: 256 },
  { kind: 'llama', name: '110M', E: 768, layers: 12, H: 12, F: 2048, V: 32000, context: 256 },
];

export const tokenAt = (position, { V }) => (position * 7919 + 13) % V;

/** Name, rows and columns of every matrix. */
export function matrices({ E, F, V, layers }) {
  const square = ['q', 'k', 'v', 'o'].map((name) => [name, E, E]);
  const one = [...square, ['gate', F, E], ['up', F, E], ['down', E, F]];
  const list = Array.from({ length: layers }, (_, layer) =>
    one.map(([name, O, I]) => [`${name}${layer}`, O, I]),
  );
  return [['table', V, E], ...list.flat()];
}

export const weightCount = (shape) => matrices(shape).reduce((sum, [, O, I]) => sum + O * I, 0);

/** `[O, I]`, of variance 1 / I; the same numbers for the same name. */
export function matrixOf(shape, wanted) {
  const index = matrices(shape).findIndex(([name]) => name === wanted);
  const [, O, I] = matrices(shape)[index];
  const size = Math.sqrt(12 / I);
  let state = (index + 1) * 7919;
  return Float32Array.from({ length: O * I }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return ((state >>> 8) / 2 ** 24 - 0.5) * size;
  });
}

/** `[context, D / 2]` */
export function angles({ E, H, context }, f) {
  const half = E / H / 2;
  return Float32Array.from({ length: context * half }, (_, n) =>
    f(Math.floor(n / half) / 1e4 ** ((n % half) / half)),
  );
}

const plus = (x, y) => x.map((value, e) => value + y[e]);

function normed(x) {
  const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + 1e-5);
  return x.map((value) => value * scale);
}

function times(weight, rows, O) {
  const I = rows[0].length;
  return rows.map((x) => {
    const y = new Float64Array(O);
    for (let o = 0; o < O; o++) {
      let sum = 0;
      for (let i = 0; i < I; i++) sum += weight[o * I + i] * x[i];
      y[o] = sum;
    }
    return y;
  });
}

function turned(x, position, { E, H }) {
  const half = E / H / 2;
  return x.map((value, e) => {
    const inside = e % (2 * half);
    const angle = Math.fround(position / 1e4 ** ((inside % half) / half));
    const other = inside < half ? -x[e + half] : x[e - half];
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function attended(q, keys, values, { E, H }) {
  const D = E / H;
  return q.map((_, e) => {
    const h = Math.floor(e / D);
    const scores = keys.map((k) => {
      let dot = 0;
      for (let d = h * D; d < (h + 1) * D; d++) dot += q[d] * k[d];
      return Math.exp(dot / Math.sqrt(D));
    });
    const total = scores.reduce((a, b) => a + b, 0);
    return values.reduce((sum, v, j) => sum + (scores[j] / total) * v[e], 0);
  });
}

/**
 * The largest error of the first tokens' logits `[CHECKED][V]` against float64. `weight` gives the numbers of a matrix
 * as the peer stores them, so that rounded weights are compared with their own numbers.
 */
export async function llamaError({ logits, weight }, shape) {
  const { E, F, V, layers } = shape;
  const table = await weight('table');
  let rows = Array.from({ length: CHECKED }, (_, p) => {
    const id = tokenAt(p, shape);
    return Float64Array.from(table.subarray(id * E, (id + 1) * E));
  });
  for (let layer = 0; layer < layers; layer++) {
    const project = async (name, x, O) => times(await weight(`${name}${layer}`), x, O);
    const x = rows.map(normed);
    const q = (await project('q', x, E)).map((row, p) => turned(row, p, shape));
    const k = (await project('k', x, E)).map((row, p) => turned(row, p, shape));
    const v = await project('v', x, E);
    const seen = q.map((row, p) => attended(row, k.slice(0, p + 1), v.slice(0, p + 1), shape));
    const o = await project('o', seen, E);
    rows = rows.map((row, p) => plus(row, o[p]));
    const z = rows.map(normed);
    const [gate, up] = [await project('gate', z, F), await project('up', z, F)];
    const hidden = gate.map((row, p) => row.map((g, f) => (g / (1 + Math.exp(-g))) * up[p][f]));
    const down = await project('down', hidden, E);
    rows = rows.map((row, p) => plus(row, down[p]));
  }
  const want = times(table, rows.map(normed), V);
  let error = 0;
  for (const [p, row] of want.entries())
    for (let n = 0; n < V; n++) {
      const difference = Math.abs(logits[p][n] - row[n]);
      error = difference <= error ? error : Number.isNaN(difference) ? Infinity : difference;
    }
  return error;
}
