/** Just enough of a Llama to run a llama2.c checkpoint (version 0), a token at a time, for replaying its sampled runs. */
export interface TinyLlama {
  readonly vocabulary: number;
  readonly context: number;
  /** Logits `[V]` after `id` at `position`; positions come in order. */
  forward(id: number, position: number): Float32Array;
}

/** Longer than functions here usually are: the whole model in one place, to be read against run.c. */
export function readLlama2c(bytes: Uint8Array): TinyLlama {
  const { buffer } = Uint8Array.from(bytes);
  const header = new Int32Array(buffer, 0, 7);
  const [E, F, layers, H, Hkv, signedV, L] = header as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const V = Math.abs(signedV);
  const D = E / H;
  const kv = Hkv * D;
  const values = new Float32Array(buffer, 28);
  let at = 0;
  const take = (size: number) => values.subarray(at, (at += size));
  const each = (size: number) => Array.from({ length: layers }, () => take(size));
  const embedding = take(V * E);
  const [attentionNorm, wq, wk, wv, wo] = [each(E), each(E * E), each(kv * E), each(kv * E), each(E * E)];
  const [mlpNorm, w1, w2, w3] = [each(E), each(F * E), each(E * F), each(F * E)];
  const lastNorm = take(E);
  take(L * D); // frequencies of the rotary encoding, which are computed below
  const head = signedV > 0 ? embedding : take(V * E);
  const keys = each0(layers, L * kv);
  const vals = each0(layers, L * kv);

  const block = (x: Float32Array, l: number, position: number) => {
    const h = norm(x, attentionNorm[l]!);
    const q = rotate(multiply(wq[l]!, h), D, position);
    keys[l]!.set(rotate(multiply(wk[l]!, h), D, position), position * kv);
    vals[l]!.set(multiply(wv[l]!, h), position * kv);
    const mixed = new Float32Array(E);
    for (let head = 0; head < H; head++) {
      const offset = Math.floor((head * Hkv) / H) * D;
      const scores = Array.from({ length: position + 1 }, (_, p) => {
        let dot = 0;
        for (let d = 0; d < D; d++) dot += q[head * D + d]! * keys[l]![p * kv + offset + d]!;
        return dot / Math.sqrt(D);
      });
      const max = Math.max(...scores);
      const weights = scores.map((s) => Math.exp(s - max));
      const total = weights.reduce((a, b) => a + b);
      weights.forEach((w, p) => {
        for (let d = 0; d < D; d++) mixed[head * D + d]! += (w / total) * vals[l]![p * kv + offset + d]!;
      });
    }
    add(x, multiply(wo[l]!, mixed));
    const g = norm(x, mlpNorm[l]!);
    const [gate, up] = [multiply(w1[l]!, g), multiply(w3[l]!, g)];
    add(
      x,
      multiply(
        w2[l]!,
        gate.map((z, i) => (z / (1 + Math.exp(-z))) * up[i]!),
      ),
    );
  };
  return {
    vocabulary: V,
    context: L,
    forward(id, position) {
      const x = embedding.slice(id * E, (id + 1) * E);
      for (let l = 0; l < layers; l++) block(x, l, position);
      return multiply(head, norm(x, lastNorm));
    },
  };
}

function each0(count: number, size: number): Float32Array[] {
  return Array.from({ length: count }, () => new Float32Array(size));
}

/** `W [out, in] · x` */
function multiply(weights: Float32Array, x: Float32Array): Float32Array {
  return new Float32Array(weights.length / x.length).map((_, row) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += weights[row * x.length + i]! * x[i]!;
    return sum;
  });
}

function norm(x: Float32Array, weight: Float32Array): Float32Array {
  const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + 1e-5);
  return x.map((v, i) => v * scale * weight[i]!);
}

/** Pairs (2i, 2i + 1) of each head, base 10000. */
function rotate(x: Float32Array, D: number, position: number): Float32Array {
  for (let i = 0; i < x.length; i += 2) {
    const angle = position / 10_000 ** ((i % D) / D);
    const [a, b] = [x[i]!, x[i + 1]!];
    x[i] = a * Math.cos(angle) - b * Math.sin(angle);
    x[i + 1] = a * Math.sin(angle) + b * Math.cos(angle);
  }
  return x;
}

function add(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!;
}
