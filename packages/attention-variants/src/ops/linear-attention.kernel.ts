// Sources in the portable dialect. Half a step is added before a floor-division, which is not exact on a GPU.

/** One source with and without the norm, each always the same string. */
function twice(write: (normed: boolean) => string): (normed: boolean) => string {
  const [plain, normed] = [write(false), write(true)];
  return (which) => (which ? normed : plain);
}

export const feature = `function (x) {
    const value = x[this.thread.x];
    return value > 0.0 ? value + 1.0 : Math.exp(Math.min(value, 0.0));
  }`;

/** Thread z is chunk c of slot (b, g). */
const chunkSlot = (thread: 'y' | 'z'): string => `
    const c = Math.floor((this.thread.${thread} + 0.5) / slots);
    const slot = this.thread.${thread} - c * slots;
    const b = Math.floor((slot + 0.5) / this.constants.Hkv);
    const g = slot - b * this.constants.Hkv;
    const first = c * this.constants.C;
    const count = Math.min(this.constants.C, L - first);`;

export const chunkSums = `function (k, v, L, slots) {
    const e = this.thread.x; const d = this.thread.y;${chunkSlot('z')}
    let sum = 0.0;
    for (let t = 0; t < count; t++) {
      const row = (b * L + first + t) * this.constants.Hkv + g;
      sum += k[row * this.constants.D + d] * v[row * this.constants.Dv + e];
    }
    return sum;
  }`;

export const chunkNorms = `function (k, L, slots) {
    const d = this.thread.x;${chunkSlot('y')}
    let sum = 0.0;
    for (let t = 0; t < count; t++) {
      sum += k[((b * L + first + t) * this.constants.Hkv + g) * this.constants.D + d];
    }
    return sum;
  }`;

export const before = `function (state, sums, size) {
    const cell = this.thread.x; const chunk = this.thread.y;
    let sum = state[cell];
    for (let c = 0; c < chunk; c++) {
      sum += sums[c * size + cell];
    }
    return sum;
  }`;

export const after = `function (state, sums, size, chunks) {
    const cell = this.thread.x;
    let sum = state[cell];
    for (let c = 0; c < chunks; c++) {
      sum += sums[c * size + cell];
    }
    return sum;
  }`;

/** Thread `thread` is token (b, t); its state is that of head `g` of sequence b. */
const token = (thread: 'y' | 'z', head: 'x' | 'y'): string => `
    const h = this.thread.${head}; const row = this.thread.${thread};
    const b = Math.floor((row + 0.5) / L);
    const slot = b * this.constants.Hkv + Math.floor((h + 0.5) / this.constants.G);
    const qRow = (row * this.constants.H + h) * this.constants.D;`;

const chunkOf = `
    const t = row - b * L;
    const c = Math.floor((t + 0.5) / this.constants.C);
    const first = c * this.constants.C;`;

export const chunkScores = `function (q, k, L) {
    const j = this.thread.x;${token('z', 'y')}${chunkOf}
    const g = slot - b * this.constants.Hkv;
    const other = Math.min(first + j, t);
    const kRow = ((b * L + other) * this.constants.Hkv + g) * this.constants.D;
    let sum = 0.0;
    for (let d = 0; d < this.constants.D; d++) {
      sum += q[qRow + d] * k[kRow + d];
    }
    return first + j <= t ? sum : 0.0;
  }`;

export const chunkNorm = `function (q, scores, z, eps, L, size) {${token('y', 'x')}${chunkOf}
    const sRow = (row * this.constants.H + h) * this.constants.C;
    const zRow = c * size + slot * this.constants.D;
    const count = t - first + 1;
    let sum = eps;
    for (let j = 0; j < count; j++) {
      sum += scores[sRow + j];
    }
    for (let d = 0; d < this.constants.D; d++) {
      sum += q[qRow + d] * z[zRow + d];
    }
    return sum;
  }`;

export const chunkRead = twice(
  (normed) => `function (q, scores, v, S, ${normed ? 'norm, ' : ''}scale, L, size) {
    const e = this.thread.x;${token('z', 'y')}${chunkOf}
    const g = slot - b * this.constants.Hkv;
    const sRow = (row * this.constants.H + h) * this.constants.C;
    const state = c * size + slot * this.constants.D * this.constants.Dv + e;
    const count = t - first + 1;
    let sum = 0.0;
    for (let d = 0; d < this.constants.D; d++) {
      sum += q[qRow + d] * S[state + d * this.constants.Dv];
    }
    for (let j = 0; j < count; j++) {
      sum += scores[sRow + j] * v[((b * L + first + j) * this.constants.Hkv + g) * this.constants.Dv + e];
    }
    return scale * sum${normed ? ' / norm[row * this.constants.H + h]' : ''};
  }`,
);

export const wholeNorm = `function (q, z, eps, L) {${token('y', 'x')}
    let sum = eps;
    for (let d = 0; d < this.constants.D; d++) {
      sum += q[qRow + d] * z[slot * this.constants.D + d];
    }
    return sum;
  }`;

export const whole = twice(
  (normed) => `function (q, S, ${normed ? 'norm, ' : ''}scale, L, size) {
    const e = this.thread.x;${token('z', 'y')}
    const state = slot * this.constants.D * this.constants.Dv + e;
    let sum = 0.0;
    for (let d = 0; d < this.constants.D; d++) {
      sum += q[qRow + d] * S[state + d * this.constants.Dv];
    }
    return scale * sum${normed ? ' / norm[row * this.constants.H + h]' : ''};
  }`,
);

/** Thread `thread` is slot (b, g), of which token t is due. */
const dueToken = (thread: 'y' | 'z'): string => `
    const slot = this.thread.${thread};
    const b = Math.floor((slot + 0.5) / this.constants.Hkv);
    const g = slot - b * this.constants.Hkv;
    const row = (b * L + t) * this.constants.Hkv + g;`;

export const decayed = `function (S, decay, t, L) {
    const e = this.thread.x; const d = this.thread.y;${dueToken('z')}
    const at = this.constants.perKey === 1 ? row * this.constants.D + d : row;
    return S[(slot * this.constants.D + d) * this.constants.Dv + e] * Math.exp(decay[at]);
  }`;

export const correction = `function (S, k, v, beta, t, L) {
    const e = this.thread.x;${dueToken('y')}
    let value = v[row * this.constants.Dv + e];
    for (let d = 0; d < this.constants.D; d++) {
      value -= S[(slot * this.constants.D + d) * this.constants.Dv + e] * k[row * this.constants.D + d];
    }
    const at = this.constants.perHead === 1 ? row : b * L + t;
    return value * beta[at];
  }`;

/** With the token's own value, or the corrected one that a kernel before has made. */
export const written = twice(
  (own) => `function (S, k, values, t, L) {
    const e = this.thread.x; const d = this.thread.y;${dueToken('z')}
    const at = ${own ? 'row' : 'slot'} * this.constants.Dv + e;
    return S[(slot * this.constants.D + d) * this.constants.Dv + e] + k[row * this.constants.D + d] * values[at];
  }`,
);

export const readState = `function (q, S, scale, t, L) {
    const e = this.thread.x;
    const b = Math.floor((this.thread.y + 0.5) / this.constants.H);
    const h = this.thread.y - b * this.constants.H;
    const slot = b * this.constants.Hkv + Math.floor((h + 0.5) / this.constants.G);
    const qRow = ((b * L + t) * this.constants.H + h) * this.constants.D;
    let sum = 0.0;
    for (let d = 0; d < this.constants.D; d++) {
      sum += q[qRow + d] * S[(slot * this.constants.D + d) * this.constants.Dv + e];
    }
    return scale * sum;
  }`;

export const sequenceMajor = `function (tokens, B, L, width) {
    return tokens[(this.thread.y * B + this.thread.z) * width + this.thread.x];
  }`;
