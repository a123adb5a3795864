"""One step of training a small GPT in PyTorch, eager mode: what gpt.mjs describes. Speaks JSON lines with torch.mjs."""

import json
import math
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F

torch.set_num_threads(int(sys.argv[1]))


def answer(value):
    print(json.dumps(value), flush=True)


def loss_of(p, shape, ids, targets):
    B, T, E, H = (shape[name] for name in "BTEH")

    def norm(name, x):
        return F.layer_norm(x, (E,), p[name + ".weight"], p[name + ".bias"], 1e-5)

    def product(name, x):
        return F.linear(x, p[name], p[name + ".bias"])

    x = F.embedding(ids, p["embed"]) + p["position.table"]
    for layer in range(shape["layers"]):
        at = f"layers.{layer}."
        y = norm(at + "attentionNorm", x)
        q, k, v = (product(at + "attention." + w, y).view(B, T, H, E // H).transpose(1, 2) for w in "qkv")
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + product(at + "attention.o", seen.transpose(1, 2).reshape(B, T, E))
        inner = product(at + "mlp.up", norm(at + "mlpNorm", x))
        x = x + product(at + "mlp.down", F.gelu(inner))
    logits = F.linear(norm("norm", x), p["embed"])
    return F.cross_entropy(logits.view(B * T, -1), targets.view(-1))


def main():
    answer({"ready": True})
    for line in sys.stdin:
        question = json.loads(line)
        if "shape" in question:
            shape, adam = question["shape"], question["adam"]
            data, start, p = np.fromfile(question["file"], dtype=np.float32), 0, {}
            for name, axes in question["parameters"]:
                size = math.prod(axes)
                p[name] = torch.tensor(data[start : start + size].reshape(axes), requires_grad=True)
                start += size
            ids, targets = (torch.tensor(question[n]).view(shape["B"], shape["T"]) for n in ("ids", "targets"))
            optimizer = torch.optim.Adam(
                p.values(), lr=adam["rate"], betas=(adam["beta1"], adam["beta2"]), eps=adam["eps"]
            )
            answer({})
            continue
        if "clock" in question:
            answer({"ms": 1000 * time.process_time()})
            continue
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(p, shape, ids, targets)
        loss.backward()
        optimizer.step()
        answer({"loss": loss.item()})


main()
