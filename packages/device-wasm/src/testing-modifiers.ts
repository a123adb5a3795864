import type { Modifier } from '@headwise/tensor';

const mask = (source: string, constants?: Record<string, number>): Modifier => ({
  kind: 'mask',
  source: `function (b, h, q, k) { ${source} }`,
  ...(constants && { constants }),
});
const score = (source: string, constants?: Record<string, number>): Modifier => ({
  kind: 'score',
  source: `function (s, b, h, q, k) { ${source} }`,
  ...(constants && { constants }),
});

/** Masks with and without heads and sequences, with whole tiles and with single keys. */
export const masks: readonly Modifier[] = [
  mask('return k <= q ? 1 : 0;'),
  mask('return k <= q && q - k < W ? 1 : 0;', { W: 9 }),
  mask('return k > q + 40 ? 0 : 1;'),
  mask('return Math.floor(q / n) === Math.floor(k / n) || k < 2 ? 1 : 0;', { n: 37 }),
  mask('return (q - k) % (h + 2) === 0 ? 1 : 0;'),
  mask('if (b === 1) return k >= 70 ? 1 : 0; return k < 64 || h === 1 ? 1 : 0;'),
  mask('const near = Math.abs(q - k) > 20 ? 0 : 1; return near;'),
  mask(`let seen = 0;
    for (let i = 0; i < 6; i++) { if (i * 13 === k) { seen += 1; } }
    if (seen > 0 && q > 3) { return 1; } else { if (k + q > 90) return 0; }
    return k % 3;`),
  mask('return 0;'),
  mask('return 1;'),
  // NaN is less and more than nothing, and stays NaN
  mask('return Math.tanh(Math.sqrt(q - k)) <= 1 ? 1 : 0;'),
  mask('return Math.max(Math.sqrt(q - k), 0) >= 0 && Math.abs(Math.log(k - q + 9)) >= 0 ? 1 : 0;'),
  mask('return Math.cos(Math.log(k - q)) < 2 || Math.exp(q) - Math.exp(k) !== 0 && k < 5 ? 1 : 0;'),
  // beyond float32
  mask('return k % W === k ? 1 : 0;', { W: 1e39 }),
];

/** Scores, every function of the dialect among them. */
export const scores: readonly Modifier[] = [
  score('return s - slope * (q - k);', { slope: 0.03 }),
  score('return s + (k - q) * Math.pow(2, -8 * (h + 1) / H);', { H: 8 }),
  score('return cap * Math.tanh(s / cap);', { cap: 1.5 }),
  score(`const a = Math.abs(s) + 0.25;
    let t = Math.ceil(a * 1.01) - Math.floor(a * 1.01) + Math.round(k * 0.3) * 0.01;
    t += Math.exp(-a) + Math.log(a) + Math.sqrt(a) + Math.pow(a, 1.5);
    t -= Math.sin(a) * Math.cos(q) + Math.sign(k - 3) * 0.1;
    t /= Math.max(1, Math.min(a, 4)) + Math.PI;
    return t - +b * 0.2 + (-q % 7) * 0.05;`),
  score(
    `let sum = 0;
    for (let i = 0; i <= k; i += 5) { sum += i === q ? 0.5 : 0.01; if (i > 40) return s * 0.25 + sum; }
    for (let j = 0; j < rounds; j++) { sum -= 0.02 * (h + 1); }
    return s - sum;`,
    { rounds: 3 },
  ),
  score('return q === k ? 1.25 : s;'),
];
