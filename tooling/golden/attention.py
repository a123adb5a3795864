"""
Golden values for @headwise/attention-variants, computed apart from its code: PyTorch in float64, every score matrix
whole, every mask from its definition in the paper. Where PyTorch has the operation itself
(scaled_dot_product_attention), the script checks that it agrees.

    python tooling/golden/attention.py      writes packages/attention-variants/golden/*.json
"""

import math

import torch
import torch.nn.functional as F

from attention_common import (
    Forward,
    anchors,
    arrays,
    attend_case,
    causal,
    chunk,
    everything,
    grid,
    heads,
    layers_case,
    prefix,
    sample,
    softmax_attention,
    streaming,
    tolerant,
    window,
    write,
)


def plain_variants():
    shape = {"E": 6, "H": 4, "D": 4, "layers": 1}
    write("multi-head", [
        attend_case("causal", causal, Lq=5, Lk=5, H=3, Hkv=3, D=4),
        attend_case("both directions, other value width", everything, Lq=4, Lk=6, H=2, Hkv=2, D=4, Dv=3, options={"causal": False}),
        attend_case("last queries with bias, slopes and scale", causal, Lq=3, Lk=7, H=2, Hkv=2, D=4, extras=("bias", "slopes"), options={"scale": 0.75}, score={"scale": 0.75}),
        attend_case("padding", everything, Lq=3, Lk=6, H=2, Hkv=2, D=4, extras=("padding",), options={"causal": False}),
        layers_case("prefill and steps with biases", {**shape, "Dv": 3}, [(0, 4), (0, 1), (0, 2)], Forward({**shape, "Dv": 3}, causal, biases=True)),
    ])
    write("multi-query", [
        attend_case("causal", causal, Lq=5, Lk=5, H=4, Hkv=1, D=4),
        attend_case("last queries with bias", causal, Lq=2, Lk=6, H=4, Hkv=1, D=4, extras=("bias",)),
        layers_case("prefill and steps", shape, [(0, 5), (0, 1)], Forward(shape, causal, Hkv=1)),
    ])
    write("grouped-query", [
        attend_case("6 heads in 2 groups", causal, Lq=5, Lk=5, H=6, Hkv=2, D=4),
        attend_case("6 heads in 3 groups, last queries", causal, Lq=2, Lk=7, H=6, Hkv=3, D=2, extras=("slopes",)),
        layers_case("prefill and steps", shape, [(0, 4), (0, 1), (0, 2)], Forward(shape, causal, Hkv=2), options={"Hkv": 2}),
    ])
    write("multiplicative", [
        multiplicative_case(),
        layers_case("prefill and steps", shape, [(0, 4), (0, 1)], Forward(shape, causal, extra={"w": (4, 4, 4)}, score=lambda _: {"scale": 1.0})),
    ])


def multiplicative_case():
    q, k, v, w = sample(2, 4, 2, 3), sample(2, 5, 2, 4), sample(2, 5, 2, 3), sample(2, 3, 4)
    seen = everything(*grid(4, 5, 0))
    outputs = softmax_attention(torch.einsum("blhd,hde->blhe", q, w), k, v, seen, scale=1.0)
    return tolerant({
        "name": "other key width", "form": "attend", "options": {"causal": False}, "offset": 0,
        "inputs": arrays({"q": q, "k": k, "v": v}), "weights": arrays({"w": w}), "outputs": arrays(outputs),
    })


def masked_variants():
    shape = {"E": 6, "H": 4, "D": 4, "layers": 1}
    pieces = [(0, 6), (0, 1), (0, 3), (0, 1)]
    write("sliding-window", [
        attend_case("W = 3 with the own token", window(3), Lq=8, Lk=8, H=2, Hkv=2, D=4, options={"window": 3}),
        attend_case("W = 1", window(1), Lq=4, Lk=4, H=2, Hkv=2, D=4, options={"window": 1}),
        attend_case("attention-gym counts W before the token", window(4), Lq=8, Lk=8, H=2, Hkv=2, D=4, options={"window": 3, "convention": "attention-gym"}),
        attend_case("last queries, groups, slopes", window(4), Lq=3, Lk=9, H=4, Hkv=2, D=4, options={"window": 4}, extras=("slopes",)),
        attend_case("both sides", lambda q, k: (q - k).abs() < 3, Lq=7, Lk=7, H=2, Hkv=2, D=4, options={"window": 3, "causal": False}),
        layers_case("prefill and steps", shape, pieces, Forward(shape, window(3), Hkv=2), options={"window": 3, "Hkv": 2}),
    ])
    write("chunked", [
        attend_case("C = 3", chunk(3), Lq=8, Lk=8, H=2, Hkv=2, D=4, options={"chunk": 3}),
        attend_case("last queries across a cut", chunk(4), Lq=3, Lk=9, H=2, Hkv=1, D=4, options={"chunk": 4}),
        layers_case("prefill and steps", shape, pieces, Forward(shape, chunk(4)), options={"chunk": 4}),
    ])
    write("sink-tokens", [
        attend_case("2 sinks, W = 3", streaming(2, 3), Lq=9, Lk=9, H=2, Hkv=2, D=4, options={"sinks": 2, "window": 3}),
        attend_case("last query", streaming(1, 2), Lq=1, Lk=8, H=4, Hkv=2, D=4, options={"sinks": 1, "window": 2}),
        layers_case("prefill and steps", shape, pieces, Forward(shape, streaming(2, 3)), options={"sinks": 2, "window": 3}),
    ])
    write("prefix-lm", [
        attend_case("prefix of 3", prefix(3), Lq=7, Lk=7, H=2, Hkv=2, D=4, options={"prefix": 3}),
        attend_case("after the prefix", prefix(3), Lq=2, Lk=7, H=4, Hkv=2, D=4, options={"prefix": 3}),
        layers_case("prefix in one call, then steps", shape, [(0, 4), (0, 1), (0, 2)], Forward(shape, prefix(3)), options={"prefix": 3}),
    ])
    write("anchor", [
        attend_case("segments of 3", anchors(3), Lq=8, Lk=8, H=2, Hkv=2, D=4, options={"segments": 3}),
        anchor_by_state(),
        layers_case("prefill and steps", shape, pieces, Forward(shape, anchors(3)), options={"segments": 3}),
    ])
    write("soft-capped", [
        attend_case("cap 0.5", causal, Lq=6, Lk=6, H=2, Hkv=2, D=4, options={"softcap": 0.5}, score={"softcap": 0.5}),
        attend_case("cap 2 under a bias, both directions", everything, Lq=4, Lk=5, H=4, Hkv=2, D=4, options={"softcap": 2, "causal": False}, extras=("bias",), score={"softcap": 2}),
        layers_case("prefill and steps", shape, [(0, 4), (0, 2)], Forward(shape, causal, score=lambda _: {"softcap": 0.5}), options={"softcap": 0.5}),
    ])
    s3, s4 = sample(3, scale=2), sample(4, scale=2)
    write("learned-sinks", [
        attend_case("one logit a head", causal, Lq=6, Lk=6, H=3, Hkv=3, D=4, weights={"sinks": s3}, score={"sinks": s3}),
        attend_case("with a window and groups", window(3), Lq=7, Lk=7, H=4, Hkv=2, D=4, options={"window": 3}, weights={"sinks": s4}, score={"sinks": s4}),
        layers_case("prefill and steps", shape, [(0, 4), (0, 2)], Forward(shape, causal, extra={"sinks": (4,)}, score=lambda w: {"sinks": w["sinks"]})),
    ])


def anchor_by_state():
    """Sentences of unequal length: the last query that sees a token is the anchor that ends its segment."""
    ends = [[0, 0, 1, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1, 0, 0]]
    always = 2 ** 24
    until = torch.full((2, 8), always)
    for b, row in enumerate(ends):
        for j in range(8):
            later = [i for i in range(j, 8) if row[i]]
            if later and later[0] != j:
                until[b, j] = later[0]
    q, k, v = sample(2, 8, 2, 4), sample(2, 8, 2, 4), sample(2, 8, 2, 4)
    i, j = grid(8, 8, 0)
    segment = [[sum(row[:n]) for n in range(8)] for row in ends]
    same = torch.tensor(segment)[:, :, None] == torch.tensor(segment)[:, None, :]
    is_anchor = torch.tensor(ends, dtype=torch.bool)[:, None, :]
    seen = ((j <= i) & (same | is_anchor))[:, None]
    outputs = softmax_attention(q, k, v, seen)
    return tolerant({
        "name": "anchors of a state", "form": "attend", "options": {"segments": "state"}, "offset": 0,
        "inputs": arrays({"q": q, "k": k, "v": v, "keyUntil": until}), "outputs": arrays(outputs),
    })


def cross_layer():
    def uniform(layers, factor):
        odd = layers % factor
        return [0 if layer < odd else layer - (layer - odd) % factor for layer in range(layers)]

    cases = []
    for layers, factor, pattern, table in [
        (4, 2, "uniform", uniform(4, 2)),
        (4, 3, "uniform", [0, 1, 1, 1]),
        (4, 4, "uniform", [0, 0, 0, 0]),
        (4, 2, "keep-ends", [0, 1, 1, 3]),
        (4, 2, "dense-front", [0, 1, 1, 3]),
        (6, 2, "dense-back", [0, 1, 1, 1, 4, 5]),
    ]:
        shape = {"E": 4, "H": 2, "D": 2, "layers": layers}
        forward = Forward(shape, causal, Hkv=1, producer=lambda layer, table=table: table[layer])
        calls = [(layer, length) for length in (3, 1) for layer in range(layers)]
        options = {"factor": factor, "pattern": pattern, "Hkv": 1}
        cases.append(layers_case(f"{pattern}, factor {factor}", shape, calls, forward, options=options, B=1))
    cases.append(attend_case("as grouped attention", causal, Lq=4, Lk=4, H=4, Hkv=2, D=4))
    write("cross-layer", cases)


def cross_attention():
    shape = {"E": 6, "H": 3, "D": 2, "Es": 5, "layers": 1}
    source = sample(2, 4, 5)

    class Cross(Forward):
        def weights(self, layer):
            sizes = {"q": (6, 6), "k": (6, 5), "v": (6, 5), "o": (6, 6)}
            return {name: sample(*size, scale=0.7) for name, size in sizes.items()}

        def __call__(self, layer, x, weights, past, start):
            q, k, v = heads(x, weights["q"], 3), heads(source, weights["k"], 3), heads(source, weights["v"], 3)
            out = softmax_attention(q, k, v, everything(*grid(x.shape[1], 4, 0)))["out"]
            return F.linear(out.flatten(2), weights["o"])

    write("cross-attention", [
        attend_case("padding in the source", everything, Lq=3, Lk=6, H=4, Hkv=2, D=4, extras=("padding",), offset=0),
        layers_case("one source, two calls", shape, [(0, 3), (0, 1)], Cross(shape, everything), source=source),
    ])


def additive():
    def scored(q, k, score, v, seen):
        network = torch.tanh(q[:, :, None] + k[:, None])  # [B, Lq, Lk, H, A]
        scores = torch.einsum("bijha,ha->bhij", network, score).masked_fill(~seen, -math.inf)
        weights = torch.softmax(scores, -1)
        return {"out": torch.einsum("bhij,bjhd->bihd", weights, v), "weights": weights, "lse": torch.logsumexp(scores, -1)}

    class Additive(Forward):
        def __call__(self, layer, x, weights, past, start):
            q, k, v = (heads(x, weights[name], 3) for name in ("q", "k", "v"))
            past[layer] = [torch.cat([old, new], 1) for old, new in zip(past[layer], (k, v))] if layer in past else [k, v]
            k, v = past[layer]
            out = scored(q, k, weights["score"], v, causal(*grid(x.shape[1], k.shape[1], start)))["out"]
            return F.linear(out.flatten(2), weights["o"])

    shape = {"E": 6, "H": 3, "D": 4, "Dv": 2, "layers": 1}
    q, k, v, score = sample(2, 4, 2, 5), sample(2, 6, 2, 5), sample(2, 6, 2, 3), sample(2, 5)
    both = tolerant({
        "name": "over a source", "form": "attend", "options": {"causal": False}, "offset": 0,
        "inputs": arrays({"q": q, "k": k, "v": v}), "weights": arrays({"score": score}),
        "outputs": arrays(scored(q, k, score, v, everything(*grid(4, 6, 0)))),
    })
    forward = Additive(shape, causal, extra={"score": (3, 4)})
    write("additive", [both, layers_case("prefill and steps", shape, [(0, 4), (0, 1)], forward)])


def differential():
    def difference(q, k, v, weights, seen, layer):
        init = 0.8 - 0.6 * math.exp(-0.3 * layer)
        first = torch.exp(torch.sum(weights["lambdaQ1"] * weights["lambdaK1"]))
        second = torch.exp(torch.sum(weights["lambdaQ2"] * weights["lambdaK2"]))
        lam = first - second + init
        maps = [softmax_attention(q[:, :, m::2], k[:, :, m::2], v, seen) for m in (0, 1)]
        weighted = maps[0]["weights"] - lam * maps[1]["weights"]
        values = v.repeat_interleave(weighted.shape[1] // v.shape[2], dim=2)
        out = torch.einsum("bhij,bjhd->bihd", weighted, values)
        normed = out / torch.sqrt(out.pow(2).mean(-1, keepdim=True) + 1e-5) * weights["norm"]
        return {"out": (1 - init) * normed, "weights": weighted}

    learned = {"lambdaQ1": (3,), "lambdaK1": (3,), "lambdaQ2": (3,), "lambdaK2": (3,), "norm": (6,)}

    class Differential(Forward):
        def __call__(self, layer, x, weights, past, start):
            q, k, v = heads(x, weights["q"], 4), heads(x, weights["k"], 4), heads(x, weights["v"], 2)
            past[layer] = [torch.cat([old, new], 1) for old, new in zip(past[layer], (k, v))] if layer in past else [k, v]
            k, v = past[layer]
            out = difference(q, k, v, weights, causal(*grid(x.shape[1], k.shape[1], start)), layer)["out"]
            return F.linear(out.flatten(2), weights["o"])

    weights = {name: sample(*size) for name, size in learned.items()}
    q, k, v = sample(2, 5, 4, 3), sample(2, 5, 4, 3), sample(2, 5, 2, 6)
    outputs = difference(q, k, v, weights, causal(*grid(5, 5, 0)), 2)
    attend = tolerant({
        "name": "layer 2", "form": "attend", "options": {}, "layer": 2, "offset": 0,
        "inputs": arrays({"q": q, "k": k, "v": v}), "weights": arrays(weights), "outputs": arrays(outputs),
    })
    shape = {"E": 5, "H": 4, "D": 3, "layers": 2}
    forward = Differential(shape, causal, extra=learned)
    write("differential", [attend, layers_case("two layers, prefill and a step", shape, [(0, 4), (1, 4), (0, 1), (1, 1)], forward)])


def linear():
    def phi(x):
        return F.elu(x) + 1

    def summed(q, k, v, seen, eps):
        H = q.shape[2]
        k, v = (x.repeat_interleave(H // x.shape[2], dim=2) for x in (k, v))
        weights = torch.einsum("bihd,bjhd->bhij", phi(q), phi(k)) * seen
        out = torch.einsum("bhij,bjhd->bihd", weights, v)
        return out / (weights.sum(-1).transpose(1, 2)[..., None] + eps)

    class Linear(Forward):
        def __call__(self, layer, x, weights, past, start):
            q, k, v = heads(x, weights["q"], 4), heads(x, weights["k"], self.Hkv), heads(x, weights["v"], self.Hkv)
            past[layer] = [torch.cat([old, new], 1) for old, new in zip(past[layer], (k, v))] if layer in past else [k, v]
            k, v = past[layer]
            out = summed(q, k, v, causal(*grid(x.shape[1], k.shape[1], start)), 1e-6)
            return F.linear(out.flatten(2), weights["o"])

    cases = []
    for name, Hkv, rule, options in [("causal", 3, causal, {"eps": 0}), ("both directions, groups", 1, everything, {"causal": False})]:
        q, k, v = sample(2, 6, 3, 4, scale=2), sample(2, 6, Hkv, 4, scale=2), sample(2, 6, Hkv, 2)
        out = summed(q, k, v, rule(*grid(6, 6, 0)), options.get("eps", 1e-6))
        cases.append(tolerant({
            "name": name, "form": "attend", "options": options, "inputs": arrays({"q": q, "k": k, "v": v}),
            "outputs": arrays({"out": out}),
        }))
    shape = {"E": 6, "H": 4, "D": 3, "Dv": 2, "layers": 1}
    forward = Linear(shape, causal, Hkv=2)
    cases.append(layers_case("prefill and steps", shape, [(0, 5), (0, 1), (0, 1)], forward, options={"Hkv": 2}))
    write("linear", cases)


def multi_head_latent():
    H, D, Dv, dc, dR, E = 3, 4, 5, 6, 2, 7

    def norm(x, weight):
        return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight

    class Latent:
        def __init__(self, dq):
            self.dq = dq

        def weights(self, layer):
            query = {"q": (H * (D + dR), E)}
            if self.dq:
                query = {"qDown": (self.dq, E), "qNorm": (self.dq,), "qUp": (H * (D + dR), self.dq)}
            sizes = {**query, "kvDown": (dc + dR, E), "kvNorm": (dc,), "kUp": (H, D, dc), "vUp": (H, Dv, dc), "o": (E, H * Dv)}
            return {name: sample(*size, scale=0.7) for name, size in sizes.items()}

        def __call__(self, layer, x, w, past, start):
            q = heads(norm(F.linear(x, w["qDown"]), w["qNorm"]), w["qUp"], H) if self.dq else heads(x, w["q"], H)
            down = F.linear(x, w["kvDown"])
            rows = torch.cat([norm(down[..., :dc], w["kvNorm"]), down[..., dc:]], -1)
            past[layer] = torch.cat([past[layer], rows], 1) if layer in past else rows
            c, shared = past[layer][..., :dc], past[layer][..., dc:]
            k = torch.einsum("blc,hdc->blhd", c, w["kUp"])
            k = torch.cat([k, shared[:, :, None].expand(-1, -1, H, -1)], -1)
            v = torch.einsum("blc,hdc->blhd", c, w["vUp"])
            seen = causal(*grid(x.shape[1], k.shape[1], start))
            return F.linear(softmax_attention(q, k, v, seen)["out"].flatten(2), w["o"])

    shape = {"E": E, "H": H, "D": D, "Dv": Dv, "layers": 1}
    options = {"latent": dc, "rope": dR}
    calls = [(0, 4), (0, 1), (0, 2)]
    write("multi-head-latent", [
        layers_case("naive prefill, absorbed steps", shape, calls, Latent(None), options=options),
        layers_case("absorbed throughout", shape, calls, Latent(None), options={**options, "prefill": "absorbed"}),
        layers_case("latent of queries", shape, calls, Latent(5), options={**options, "queryLatent": 5}),
        attend_case("unfolded", causal, Lq=4, Lk=6, H=3, Hkv=3, D=6, Dv=5),
    ])


if __name__ == "__main__":
    plain_variants()
    masked_variants()
    cross_layer()
    cross_attention()
    additive()
    differential()
    linear()
    multi_head_latent()
