"""One step of training a small GPT in JAX, compiled as a whole: what gpt.mjs describes. Speaks JSON lines with torch.mjs."""

import json
import math
import os
import sys
import time

THREADS = int(sys.argv[1])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402, the threads are counted when it is loaded
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402


def answer(value):
    print(json.dumps(value), flush=True)


def loss_of(p, shape, ids, targets):
    B, T, E, H = (shape[name] for name in "BTEH")

    def norm(name, x):
        mean = x.mean(-1, keepdims=True)
        deviation = jnp.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
        return (x - mean) / deviation * p[name + ".weight"] + p[name + ".bias"]

    def product(name, x):
        return x @ p[name].T + p[name + ".bias"]

    x = p["embed"][ids] + p["position.table"]
    for layer in range(shape["layers"]):
        at = f"layers.{layer}."
        y = norm(at + "attentionNorm", x)
        q, k, v = (product(at + "attention." + w, y).reshape(B, T, H, E // H) for w in "qkv")
        seen = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(B, T, E)
        x = x + product(at + "attention.o", seen)
        inner = product(at + "mlp.up", norm(at + "mlpNorm", x))
        x = x + product(at + "mlp.down", jax.nn.gelu(inner, approximate=False))
    logits = norm("norm", x) @ p["embed"].T
    of_targets = jnp.take_along_axis(logits, targets[..., None], -1)[..., 0]
    return (jax.nn.logsumexp(logits, -1) - of_targets).mean()


def compiled(shape, adam, ids, targets):
    beta1, beta2, eps, rate = adam["beta1"], adam["beta2"], adam["eps"], adam["rate"]

    def step(p, m, v, count):
        loss, g = jax.value_and_grad(loss_of)(p, shape, ids, targets)
        m = jax.tree.map(lambda a, b: beta1 * a + (1 - beta1) * b, m, g)
        v = jax.tree.map(lambda a, b: beta2 * a + (1 - beta2) * b * b, v, g)
        whole1, whole2 = 1 - beta1**count, 1 - beta2**count
        p = jax.tree.map(lambda a, b, c: a - rate * (b / whole1) / (jnp.sqrt(c / whole2) + eps), p, m, v)
        return loss, p, m, v

    return jax.jit(step, donate_argnums=(0, 1, 2))


def main():
    answer({"ready": True})
    for line in sys.stdin:
        question = json.loads(line)
        if "shape" in question:
            shape = question["shape"]
            data, start, p = np.fromfile(question["file"], dtype=np.float32), 0, {}
            for name, axes in question["parameters"]:
                size = math.prod(axes)
                p[name] = jnp.asarray(data[start : start + size].reshape(axes))
                start += size
            ids, targets = (jnp.asarray(question[n]).reshape(shape["B"], shape["T"]) for n in ("ids", "targets"))
            m, v = (jax.tree.map(jnp.zeros_like, p) for _ in range(2))
            step, count = compiled(shape, question["adam"], ids, targets), 0
            answer({})
            continue
        if "clock" in question:
            answer({"ms": 1000 * time.process_time()})
            continue
        count += 1
        loss, p, m, v = step(p, m, v, jnp.float32(count))
        answer({"loss": float(loss)})


main()
