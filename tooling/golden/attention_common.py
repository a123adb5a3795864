"""What the golden values of attention variants are made with; `attention.py` has the variants."""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

FOLDER = Path(__file__).parents[2] / "packages" / "attention-variants" / "golden"
PROGRAM = f"tooling/golden/attention.py, PyTorch {torch.__version__.split('+')[0]}, float64"
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(20261121)


def sample(*shape, scale=1.0):
    """Values that float32 holds exactly, so that every device starts from the same numbers."""
    values = torch.rand(shape, generator=generator) * 2 - 1
    return torch.round(values * scale * 256) / 256


def array(values):
    flat = [float(f"{x:.9g}") for x in values.reshape(-1).tolist()]
    return {"shape": list(values.shape), "data": [None if x == -math.inf else x for x in flat]}


def arrays(tensors):
    return {name: array(values) for name, values in tensors.items()}


def write(name, cases, program=PROGRAM):
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"program": program, "cases": cases}, separators=(",", ":"))
    (FOLDER / f"{name}.json").write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")
    print(f"{name}: {len(cases)} cases, {len(text)} bytes")


def tolerant(case):
    return {**case, "atol": 1e-6, "rtol": 1e-5}


# Masks: rows are query positions, columns key positions.

def grid(Lq, Lk, offset):
    return torch.arange(offset, offset + Lq)[:, None], torch.arange(Lk)[None, :]


def everything(q, k):
    return torch.ones(len(q), k.shape[1], dtype=torch.bool)


def causal(q, k):
    return k <= q


def window(W):
    return lambda q, k: (k <= q) & (k > q - W)


def chunk(C):
    return lambda q, k: (k <= q) & (k // C == q // C)


def streaming(sinks, W):
    return lambda q, k: (k <= q) & ((k > q - W) | (k < sinks))


def prefix(P):
    return lambda q, k: (k <= q) | (k < P)


def anchors(S):
    return lambda q, k: (k <= q) & ((k // S == q // S) | (k % S == S - 1))


def softmax_attention(q, k, v, seen, scale=None, bias=None, softcap=None, sinks=None):
    """q [B, Lq, H, D], k [B, Lk, Hkv, D], v [B, Lk, Hkv, Dv]; seen broadcasts to [B, H, Lq, Lk]."""
    H = q.shape[2]
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    k, v = (x.repeat_interleave(H // x.shape[1], dim=1) for x in (k, v))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = q @ k.transpose(-1, -2) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias
    scores = scores.masked_fill(~seen, -math.inf)
    extended = scores
    if sinks is not None:
        column = sinks[None, :, None, None].expand(*scores.shape[:3], 1)
        extended = torch.cat([scores, column], dim=-1)
    weights = torch.softmax(extended, dim=-1)[..., : scores.shape[-1]]
    out = weights @ v
    if softcap is None and sinks is None:
        mask = torch.zeros_like(scores).masked_fill(~seen, -math.inf) + (0 if bias is None else bias)
        assert torch.allclose(out, F.scaled_dot_product_attention(q, k, v, mask, scale=scale), atol=1e-12)
    return {"out": out.transpose(1, 2), "weights": weights, "lse": torch.logsumexp(extended, dim=-1)}


def attend_case(
    name, rule, *, Lq, Lk, H, Hkv, D, Dv=None, B=2, offset=None, options=None, extras=(), weights=None, score=None
):
    offset = Lk - Lq if offset is None else offset
    q, k, v = sample(B, Lq, H, D), sample(B, Lk, Hkv, D), sample(B, Lk, Hkv, Dv or D)
    seen = rule(*grid(Lq, Lk, offset))
    given = {}
    bias = torch.zeros(())
    if "bias" in extras:
        given["bias"] = sample(1, H, Lq, Lk)
        bias = bias + given["bias"]
    if "slopes" in extras:
        given["slopes"] = torch.tensor([2.0 ** -(h + 1) for h in range(H)])
        i, j = grid(Lq, Lk, offset)
        bias = bias - given["slopes"][:, None, None] * (i - j).abs()
    if "padding" in extras:
        # the second sequence starts with two tokens of padding
        positions = torch.arange(Lk).repeat(B, 1)
        positions[1, :2] = -1
        given["keyPositions"] = positions
        seen = seen & (positions >= 0)[:, None, None, :]
    added = bias if given.keys() & {"bias", "slopes"} else None
    outputs = softmax_attention(q, k, v, seen, bias=added, **(score or {}))
    return tolerant({
        "name": name, "form": "attend", "options": options or {}, "offset": offset,
        "inputs": arrays({"q": q, "k": k, "v": v, **given}),
        "weights": arrays(weights or {}),
        "outputs": arrays(outputs),
    })


def heads(x, weight, count, bias=None):
    y = F.linear(x, weight, bias)
    return y.reshape(*y.shape[:2], count, -1)


def layers_case(name, shape, calls, forward, *, options=None, source=None, B=2):
    """calls: (layer, length) in order; forward(layer, x, weights, past, start) -> y, past."""
    weights = {layer: forward.weights(layer) for layer in sorted({layer for layer, _ in calls})}
    past, starts, written = {}, {}, []
    for layer, length in calls:
        x = sample(B, length, shape["E"])
        start = starts.get(layer, 0)
        starts[layer] = start + length
        y = forward(layer, x, weights[layer], past, start)
        written.append({"layer": layer, "start": start, "x": array(x), "y": array(y)})
    case = {"name": name, "form": "layers", "options": options or {}, "shape": shape, "calls": written}
    case["weights"] = {layer: arrays(tensors) for layer, tensors in weights.items()}
    if source is not None:
        case["source"] = array(source)
    return tolerant(case)


class Forward:
    """A layer with projections of its own; keeps every key and value, whatever a window would forget."""

    def __init__(self, shape, rule, Hkv=None, biases=False, producer=lambda layer: layer, extra=None, score=None):
        self.shape, self.rule, self.Hkv, self.biases = shape, rule, Hkv or shape["H"], biases
        self.producer, self.extra, self.score = producer, extra or {}, score or (lambda weights: {})

    def weights(self, layer):
        E, H, D = self.shape["E"], self.shape["H"], self.shape["D"]
        Dv = self.shape.get("Dv", D)
        sizes = {"q": (H * D, E)}
        if self.producer(layer) == layer:
            sizes |= {"k": (self.Hkv * D, E), "v": (self.Hkv * Dv, E)}
        sizes |= {name: size for name, size in self.extra.items()} | {"o": (E, H * Dv)}
        made = {name: sample(*size, scale=0.7) for name, size in sizes.items()}
        if self.biases:
            made |= {f"{name}.bias": sample(size[0]) for name, size in sizes.items()}
        return made

    def __call__(self, layer, x, weights, past, start):
        H = self.shape["H"]
        q = heads(x, weights["q"], H, weights.get("q.bias"))
        owner = self.producer(layer)
        if owner == layer:
            fresh = [heads(x, weights[name], self.Hkv, weights.get(f"{name}.bias")) for name in ("k", "v")]
            past[layer] = [torch.cat([old, new], 1) for old, new in zip(past[layer], fresh)] if layer in past else fresh
        k, v = past[owner]
        if "w" in weights:
            q = torch.einsum("blhd,hde->blhe", q, weights["w"])
        seen = self.rule(*grid(x.shape[1], k.shape[1], start))
        out = softmax_attention(q, k, v, seen, **self.score(weights))["out"]
        return F.linear(out.flatten(2), weights["o"], weights.get("o.bias"))
