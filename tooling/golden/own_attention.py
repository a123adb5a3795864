"""
Golden values for softmax variants with an attention of their own, computed by the naive files of fla-core, whose casts
to float32 lead to float64 here. Projections, gates and caches around them are this script's: a call sees all earlier
tokens by computing them again.

    pip install torch einops && pip install --no-deps --target FOLDER fla-core==0.6.0
    python tooling/golden/own_attention.py FOLDER      writes packages/attention-variants/golden/{forgetting,stick-breaking,indexed,indexed-latent}.json
"""

import importlib.util
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from attention_common import arrays, heads, layers_case, sample, tolerant, write

PROGRAM = f"tooling/golden/own_attention.py: fla-core 0.6.0, PyTorch {torch.__version__.split('+')[0]}, float64"
torch.Tensor.float = torch.Tensor.double


def naive(name):
    """A file of fla-core by itself: the package wants a GPU to be imported."""
    spec = importlib.util.spec_from_file_location(name, Path(sys.argv[1]) / "fla" / "ops" / name / "naive.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Layer:
    """Projections around `attend(weights, x, q, k, v)`, which gives the outputs of all tokens."""

    def __init__(self, attend, H, D, E, Hkv=None, extra=None):
        self.attend, self.H, self.D, self.E, self.Hkv, self.extra = attend, H, D, E, Hkv or H, extra or {}
        self.shape = {"E": E, "H": H, "D": D, "layers": 1}

    def weights(self, layer):
        E, H, Hkv, D = self.E, self.H, self.Hkv, self.D
        sizes = {"q": (H * D, E), "k": (Hkv * D, E), "v": (Hkv * D, E), **self.extra, "o": (E, H * D)}
        return {name: sample(*size, scale=0.9) for name, size in sizes.items()}

    def __call__(self, layer, x, w, past, start):
        past[layer] = all_x = torch.cat([past[layer], x], 1) if layer in past else x
        q, k, v = heads(all_x, w["q"], self.H), heads(all_x, w["k"], self.Hkv), heads(all_x, w["v"], self.Hkv)
        out = self.attend(w, all_x, q, k, v)[:, start:]
        return F.linear(out.flatten(2), w["o"])


def layer_case(name, pieces, layer, options=None, B=2):
    return layers_case(name, layer.shape, [(0, L) for L in pieces], layer, options=options, B=B)


def score_case(name, sizes, attend, extra, options=None, values=None):
    """The score form: `extra` are shapes of what the score learns from x."""
    B, L, H, Hkv, D, E = sizes
    q, k, v, x = sample(B, L, H, D), sample(B, L, Hkv, D), sample(B, L, Hkv, values or D), sample(B, L, E)
    weights = {name: sample(*size) for name, size in extra.items()}
    inputs = {"q": q, "k": k, "v": v, **({"x": x} if extra else {})}
    return tolerant({
        "name": name, "form": "attend", "options": options or {}, "inputs": arrays(inputs), "weights": arrays(weights),
        "outputs": arrays({"out": attend(weights, x, q, k, v)}),
    })


def forgetting():
    fox = naive("forgetting_attn").naive_forgetting_attn

    def attend(w, x, q, k, v, scale=None):
        return fox(q, k, v, F.logsigmoid(F.linear(x, w["forget"], w["forget.bias"])), scale=scale)

    def gates(H, E):
        return {"forget": (H, E), "forget.bias": (H,)}

    write("forgetting", [
        score_case("grouped", (2, 7, 4, 2, 3, 5), attend, gates(4, 5)),
        score_case("a scale, wider values", (1, 6, 2, 2, 4, 3), lambda *args: attend(*args, scale=0.3), gates(2, 3), {"scale": 0.3}, values=5),
        score_case("more queries than a piece", (1, 141, 2, 1, 2, 3), attend, gates(2, 3)),
        layer_case("prefill and steps", (5, 1, 1), Layer(attend, 4, 3, 6, 2, gates(4, 6)), {"Hkv": 2}),
        layer_case("more queries than a piece, after others", (3, 137, 1), Layer(attend, 2, 2, 3, extra=gates(2, 3)), B=1),
    ], PROGRAM)


def indexed():
    module = naive("dsa")

    def attention(count, J):
        def attend(w, x, q, k, v):
            index = heads(x, w["indexQuery"], J), F.linear(x, w["indexKey"]), F.linear(x, w["indexWeight"])
            dots = torch.einsum("bihd,bjd->bihj", index[0], index[1]).clamp(min=0)
            scores = torch.einsum("bihj,bih->bij", dots, index[2])
            causal = torch.ones(scores.shape[1:], dtype=torch.bool).tril()
            best = scores.masked_fill(~causal, -torch.inf).sort(-1, descending=True)[0][..., count - 1 : count + 1]
            # what PyTorch takes first of equals is not said
            assert best.shape[-1] < 2 or not (best[..., 0] - best[..., 1]).abs().lt(1e-6).any(), "a tie"
            # its outputs are as many and as wide as its values
            return module.naive_dsa(q, k, v, *index, topk=count)

        return attend

    def learned(J, dI, E):
        return {"indexQuery": (J * dI, E), "indexKey": (dI, E), "indexWeight": (J, E)}

    def options(count, J, dI, **more):
        return {"count": count, "heads": J, "width": dI, **more}

    write("indexed", [
        score_case("four of nine", (2, 9, 4, 2, 3, 5), attention(4, 9), learned(9, 6, 5), options(4, 9, 6)),
        score_case("more than there are", (1, 5, 2, 2, 4, 3), attention(8, 2), learned(2, 4, 3), options(8, 2, 4)),
        layer_case("prefill and steps", (7, 1, 1), Layer(attention(3, 8), 4, 3, 6, 2, learned(8, 5, 6)), options(3, 8, 5, Hkv=2)),
        layer_case("pieces", (2, 20, 3), Layer(attention(5, 9), 2, 2, 4, extra=learned(9, 6, 4)), options(5, 9, 6), B=1),
    ], PROGRAM)


def indexed_latent():
    """Latents around the naive file: of one key head, since absorbed queries read the latents as they are."""
    module = naive("dsa")
    H, D, Dv, dc, dR, dq, dI, E = 3, 4, 5, 6, 2, 7, 3, 8

    class Latent:
        def __init__(self, count, J):
            self.count, self.J = count, J
            self.shape = {"E": E, "H": H, "D": D, "Dv": Dv, "layers": 1}

        def weights(self, layer):
            sizes = {"qDown": (dq, E), "qNorm": (dq,), "qUp": (H * (D + dR), dq), "kvDown": (dc + dR, E), "kvNorm": (dc,),
                     "kUp": (H, D, dc), "vUp": (H, Dv, dc), "indexQuery": (self.J * dI, dq), "indexKey": (dI, E),
                     "indexNorm": (dI,), "indexNorm.bias": (dI,), "indexWeight": (self.J, E), "o": (E, H * Dv)}
            return {name: sample(*size, scale=0.9) for name, size in sizes.items()}

        def __call__(self, layer, x, w, past, start):
            past[layer] = x = torch.cat([past[layer], x], 1) if layer in past else x

            def norm(y, gain):
                return y / torch.sqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6) * gain

            a = norm(F.linear(x, w["qDown"]), w["qNorm"])
            q = heads(a, w["qUp"], H)
            down = F.linear(x, w["kvDown"])
            c = norm(down[..., :dc], w["kvNorm"])
            rows = torch.cat([c, down[..., dc:]], -1)[:, :, None]
            folded = torch.cat([torch.einsum("blhd,hdc->blhc", q[..., :D], w["kUp"]), q[..., D:]], -1)
            keys = F.layer_norm(F.linear(x, w["indexKey"]), (dI,), w["indexNorm"], w["indexNorm.bias"], 1e-6)
            index = heads(a, w["indexQuery"], self.J), keys, F.linear(x, w["indexWeight"])
            out = module.naive_dsa(folded, rows, rows, *index, topk=self.count, scale=(D + dR) ** -0.5)[..., :dc]
            return F.linear(torch.einsum("blhc,hdc->blhd", out, w["vUp"]).flatten(2), w["o"])[:, start:]

    def options(count, J):
        return {"count": count, "heads": J, "width": dI, "latent": dc, "rope": dR, "queryLatent": dq}

    def unfolded(count, J):
        def attend(w, x, q, k, v):
            a = F.linear(x, w["qDown"])
            a = a / torch.sqrt(a.pow(2).mean(-1, keepdim=True) + 1e-6) * w["qNorm"]
            keys = F.layer_norm(F.linear(x, w["indexKey"]), (dI,), w["indexNorm"], w["indexNorm.bias"], 1e-6)
            return module.naive_dsa(q, k, v, heads(a, w["indexQuery"], J), keys, F.linear(x, w["indexWeight"]), topk=count)

        return attend

    def learned(J, E):
        return {"qDown": (dq, E), "qNorm": (dq,), "indexQuery": (J * dI, dq), "indexKey": (dI, E), "indexNorm": (dI,),
                "indexNorm.bias": (dI,), "indexWeight": (J, E)}

    write("indexed-latent", [
        layer_case("prefill and steps", (9, 1, 1), Latent(3, 8), options(3, 8)),
        layer_case("pieces", (2, 14, 3), Latent(5, 9), options(5, 9), B=1),
        layer_case("more than there are", (4, 1), Latent(8, 2), options(8, 2)),
        score_case("unfolded", (2, 9, 3, 3, 4, 5), unfolded(4, 9), learned(9, 5), options(4, 9)),
    ], PROGRAM)


def stick_breaking():
    naive_sticks = naive("stickbreaking_attn").naive_stickbreaking_attn

    def sticks(current=True, scale=None):
        return lambda w, x, q, k, v: naive_sticks(q, k, v, scale=scale, attend_current=current)[0]

    write("stick-breaking", [
        score_case("grouped", (2, 7, 4, 2, 3, 5), sticks(), {}, values=4),
        score_case("earlier keys only, a scale", (1, 6, 2, 2, 4, 3), sticks(False, 0.3), {}, {"current": False, "scale": 0.3}),
        layer_case("prefill and steps", (5, 1, 1), Layer(sticks(), 4, 3, 6, 2), {"Hkv": 2}),
        layer_case("earlier keys only, pieces", (2, 3, 1), Layer(sticks(False), 2, 3, 4), {"current": False}),
    ], PROGRAM)


if __name__ == "__main__":
    forgetting()
    stick_breaking()
    indexed()
    indexed_latent()
