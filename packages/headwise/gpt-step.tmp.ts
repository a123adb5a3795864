import { createWasm } from '@headwise/device-wasm';
import * as t from '@headwise/tensor';
import { seeded, seededValues } from '@headwise/tensor/testing';

const [V, E, H, N, F, T, B] =
  process.argv[2] === 'small' ? [64, 64, 4, 2, 256, 64, 32] : [256, 128, 4, 4, 512, 128, 16];
const device = await createWasm({ threads: Number(process.env.THREADS ?? 1) });
const w = (shape: number[], seed: number) =>
  t.multiply(seeded(device, shape, seed), t.tensor(device, [0.02 * 1.7], []));
const params: any = {
  wte: w([V!, E!], 1),
  wpe: w([T!, E!], 2),
  layers: Array.from({ length: N! }, (_, l) => ({
    ln1: { weight: w([E!], 10 + l), bias: w([E!], 20 + l) },
    ln2: { weight: w([E!], 30 + l), bias: w([E!], 40 + l) },
    q: w([E!, E!], 50 + l),
    k: w([E!, E!], 60 + l),
    v: w([E!, E!], 70 + l),
    o: w([E!, E!], 80 + l),
    up: w([F!, E!], 90 + l),
    upB: w([F!], 95 + l),
    down: w([E!, F!], 100 + l),
    downB: w([E!], 110 + l),
  })),
  lnf: { weight: w([E!], 5), bias: w([E!], 6) },
  head: w([V!, E!], 7),
};
const ids = t.tensor(
  device,
  Int32Array.from(seededValues(B! * T!, 3), (x) => Math.floor(((x + 1) / 2) * V!)),
  [B!, T!],
);
const targets = t.tensor(
  device,
  Int32Array.from(seededValues(B! * T!, 4), (x) => Math.floor(((x + 1) / 2) * V!)),
  [B!, T!],
);
const loss = (p: any) => {
  let x: any = t.add(t.gather(p.wte, ids), p.wpe);
  for (const l of p.layers) {
    x = t.scope(() => {
      const h = t.layerNorm(x, l.ln1);
      const heads = (y: any) => y.reshape([B, T, H, E! / H!]);
      const a = t.attention(
        { q: heads(t.linear(h, l.q)), k: heads(t.linear(h, l.k)), v: heads(t.linear(h, l.v)) },
        { causal: true },
      );
      const y = t.add(x, t.linear(a.reshape([B!, T!, E!]), l.o));
      const m = t.linear(t.gelu(t.linear(t.layerNorm(y, l.ln2), l.up, { bias: l.upB })), l.down, {
        bias: l.downB,
      });
      return t.add(y, m);
    });
  }
  return t.crossEntropy(t.linear(t.layerNorm(x, p.lnf), p.head), targets);
};
const step = t.valueAndGrad(loss);
const times: Record<string, number> = {};
let best = Infinity,
  bestF = Infinity;
const all = (x: any, f: (t: any) => void): void => {
  if (t.Tensor.isInstance(x)) f(x);
  else Object.values(x).forEach((y) => all(y, f));
};
for (let i = 0; i < 12; i++) {
  device.resetPeak();
  const s = performance.now();
  const { value, grads } = step(params);
  await device.settled();
  best = Math.min(best, performance.now() - s);
  value.dispose();
  all(grads, (g) => g.dispose());
  const f = performance.now();
  const l = t.scope(() => loss(params));
  await device.settled();
  bestF = Math.min(bestF, performance.now() - f);
  l.dispose();
}
console.log(
  'step',
  best.toFixed(1),
  'forward',
  bestF.toFixed(1),
  'peak MB',
  (device.memory.peakBytes / 2 ** 20).toFixed(1),
  'live',
  (device.memory.liveBytes / 2 ** 20).toFixed(1),
  device.details,
);
if (process.argv[3]) {
  const r: any = device;
  const run = r.run.bind(r);
  r.run = (c: any) => {
    const s = performance.now();
    const out = run(c);
    r.settledSync?.();
    const d = performance.now() - s;
    const key =
      c.op.name +
      ' ' +
      (c.params.kind ?? '') +
      ' ' +
      JSON.stringify(Object.values(c.inputs).map((i: any) => i.shape));
    times[key] = (times[key] ?? 0) + d;
    return out;
  };
  const { value, grads } = step(params);
  console.table(
    Object.entries(times)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 40)
      .map(([k, v]) => ({ k, ms: v.toFixed(2) })),
  );
}
device.dispose();
