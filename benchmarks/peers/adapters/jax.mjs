/** jax-js on its WebAssembly device (needs Node 22). */
import { defaultDevice, init, jit, nn, numpy, tree, valueAndGrad } from '@jax-js/jax';
import { ADAM, batch, initial } from '../gpt.mjs';
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
    training: trainer,
  };
}

/** One compiled function a step: loss, gradients and Adam. Matrices are `[in, out]`, ids are one-hot rows. */
function trainer(shape) {
  const { V, E, H, layers, T, B } = shape;
  const N = B * T;
  const weights = {};
  for (const { name, axes, values } of initial(shape)) {
    const made = numpy.array(values).reshape(axes);
    const turned = axes.length > 1 && name !== 'embed' && name !== 'position.table';
    weights[name] = turned ? numpy.array(numpy.transpose(made).dataSync()).reshape([axes[1], axes[0]]) : made;
  }
  const norm = (p, name, x) =>
    nn.standardize(x, -1, { epsilon: 1e-5 }).mul(p[`${name}.weight`].ref).add(p[`${name}.bias`].ref);
  const product = (p, name, x) => numpy.matmul(x, p[name].ref).add(p[`${name}.bias`].ref);
  const heads = (x) => x.reshape([B, T, H, E / H]);
  const lossOf = (p, ids, targets) => {
    let x = numpy.matmul(ids, p.embed.ref).reshape([B, T, E]).add(p['position.table'].ref).reshape([N, E]);
    for (let layer = 0; layer < layers; layer++) {
      const at = `layers.${layer}.`;
      const y = norm(p, `${at}attentionNorm`, x.ref);
      const [q, k] = [...'qk'].map((which) => heads(product(p, `${at}attention.${which}`, y.ref)));
      const v = heads(product(p, `${at}attention.v`, y));
      const seen = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([N, E]);
      x = x.add(product(p, `${at}attention.o`, seen));
      const inner = product(p, `${at}mlp.up`, norm(p, `${at}mlpNorm`, x.ref));
      x = x.add(product(p, `${at}mlp.down`, nn.gelu(inner, { approximate: false })));
    }
    const logits = numpy.matmul(norm(p, 'norm', x), numpy.transpose(p.embed.ref));
    const loss = nn
      .logSoftmax(logits, -1)
      .mul(targets)
      .sum()
      .mul(-1 / N);
    tree.dispose(p);
    return loss;
  };
  const { rate, beta1, beta2, eps } = ADAM;
  const step = jit((p, m, v, ids, targets, whole1, whole2) => {
    const [loss, g] = valueAndGrad(lossOf)(tree.ref(p), ids, targets);
    const m1 = tree.map((a, b) => a.mul(beta1).add(b.mul(1 - beta1)), m, tree.ref(g));
    const v1 = tree.map((a, b) => a.mul(beta2).add(numpy.square(b).mul(1 - beta2)), v, g);
    const moved = tree.map(
      (a, b, c) =>
        a.sub(
          b
            .mul(whole1.ref)
            .mul(rate)
            .div(numpy.sqrt(c.mul(whole2.ref)).add(eps)),
        ),
      p,
      tree.ref(m1),
      tree.ref(v1),
    );
    whole1.dispose();
    whole2.dispose();
    return [loss, moved, m1, v1];
  });
  const { ids, targets } = batch(shape);
  const rows = (of) => {
    const values = new Float32Array(N * V);
    of.forEach((id, n) => {
      values[n * V + id] = 1;
    });
    return numpy.array(values).reshape([N, V]);
  };
  const [x, y] = [rows(ids), rows(targets)];
  let p = weights;
  let [m, v] = [0, 0].map(() => tree.map((a) => numpy.zerosLike(a), tree.ref(p)));
  let count = 0;
  const run = async () => {
    count++;
    const whole = [beta1, beta2].map((beta) => numpy.array(1 / (1 - beta ** count)));
    const [loss, ...next] = step(p, m, v, x.ref, y.ref, ...whole);
    [p, m, v] = next;
    return (await loss.data())[0];
  };
  return { run, loss: run };
}
