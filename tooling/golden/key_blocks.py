"""
Golden values for variants that read blocks of keys of their choice. MoBA has no naive program that runs without a GPU: it
is written here from equations 2 to 6 of its paper, query by query. NSA is the naive file of fla-core, whose casts to float32
lead to float64 here; its means of blocks are written here, since those of fla-core are a kernel, and runs that overlap,
which fla-core does not have, are written here from equations 7 to 9 of the paper. Projections, gates and caches around
them are this script's: a call sees all earlier tokens by computing them again.

    pip install torch einops && pip install --no-deps --target FOLDER fla-core==0.6.0
    python tooling/golden/key_blocks.py FOLDER      writes packages/attention-variants/golden/{mixture-of-blocks,native-sparse}.json
"""

import sys
import types

import torch
import torch.nn.functional as F

from attention_common import write
from own_attention import Layer, layer_case, naive, score_case

# choices that float32 could make otherwise prove nothing
MARGIN = 1e-5


def clear_choice(scores, count):
    """The best of scores [blocks], where none is nearly as good as the last of them."""
    order = scores.argsort(descending=True)
    if 0 < count < len(order):
        assert scores[order[count - 1]] - scores[order[count]] > MARGIN, "a tie"
    return order[:count].tolist()


def softmax_over(q, k, v, tokens, scale):
    weights = torch.softmax(torch.stack([q @ k[j] for j in tokens]) * scale, 0)
    return sum(w * v[j] for w, j in zip(weights, tokens))


def moba(block, count, scale=None):
    def attend(w, x, q, k, v):
        B, L, H, D = q.shape
        out = torch.zeros(B, L, H, v.shape[-1])
        for b in range(B):
            for h in range(H):
                keys, values = (y[b, :, h // (H // k.shape[2])] for y in (k, v))
                for i in range(L):
                    own = i // block
                    likes = [q[b, i, h] @ keys[n * block:(n + 1) * block].mean(0) for n in range(own)]
                    best = clear_choice(torch.stack(likes), count - 1) if own else []
                    tokens = [t for n in best for t in range(n * block, (n + 1) * block)] + list(range(own * block, i + 1))
                    out[b, i, h] = softmax_over(q[b, i, h], keys, values, tokens, scale or D ** -0.5)
        return out

    return attend


def mixture_of_blocks():
    write("mixture-of-blocks", [
        score_case("grouped", (2, 11, 4, 2, 3, 5), moba(2, 3), {}, {"block": 2, "count": 3}),
        score_case("a scale, wider values, one other block", (1, 10, 2, 2, 4, 3), moba(3, 2, 0.3), {}, {"block": 3, "count": 2, "scale": 0.3}, values=5),
        score_case("its own block alone", (1, 7, 2, 1, 4, 3), moba(4, 1), {}, {"block": 4, "count": 1}),
        layer_case("prefill and steps", (9, 1, 1, 1), Layer(moba(2, 2), 4, 3, 6, 2), {"block": 2, "count": 2, "Hkv": 2}),
        layer_case("pieces", (2, 20, 3), Layer(moba(4, 3), 2, 2, 4), {"block": 4, "count": 3}, B=1),
    ], "tooling/golden/key_blocks.py: the paper's equations in PyTorch, float64")


def mean_pooling(x, size, _=None):
    return torch.stack([x[:, n:n + size].mean(1) for n in range(0, x.shape[1], size)], 1)


def fla_nsa():
    """The naive file by itself, with what it imports from beside it."""
    utils, pooling = types.ModuleType("fla.ops.utils"), types.ModuleType("fla.ops.utils.pooling")
    utils.prepare_chunk_offsets, pooling.mean_pooling = None, mean_pooling
    for name, module in {"fla": types.ModuleType("fla"), "fla.ops": types.ModuleType("fla.ops"), "fla.ops.utils": utils, "fla.ops.utils.pooling": pooling}.items():
        sys.modules[name] = module
    return naive("nsa")


def gates_of(w, x, H):
    return torch.sigmoid(F.linear(x, w["gates"])).reshape(*x.shape[:2], H, 3).unsqueeze(-2).unbind(-1)


def sliding(q, k, v, window, scale):
    B, L, H, D = q.shape
    k, v = (y.repeat_interleave(H // y.shape[2], 2) for y in (k, v))
    i = torch.arange(L)
    seen = (i[None] <= i[:, None]) & (i[None] > i[:, None] - window)
    scores = (torch.einsum("bihd,bjhd->bhij", q, k) * scale).masked_fill(~seen, -torch.inf)
    return torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v)


def nsa(module, block, count, window, scale=None):
    """Of equal blocks: the functions of fla-core."""
    def attend(w, x, q, k, v):
        H, s = q.shape[2], scale or q.shape[-1] ** -0.5
        kc, vc = mean_pooling(k, block), mean_pooling(v, block)
        compressed, _ = module.naive_nsa_compression(q, kc, vc, block, s)
        chosen = module.naive_nsa_topk(q, kc, count, block, s)
        checked = choices(q, k, block, block, block, count, s)
        assert all(sorted(set(a.tolist()) - {-1}) == sorted(c) for a, c in zip(chosen.flatten(0, 2), checked)), "other blocks"
        selected = module.naive_nsa_selection(q, k, v, chosen, block, s)
        g = gates_of(w, x, H)
        return g[0] * compressed + g[1] * selected + g[2] * sliding(q, k, v, window, s)

    return attend


def choices(q, k, over, every, block, count, scale):
    """The blocks of each query and group of heads, by equations 8 to 10 of the paper, in order of b, i, group."""
    B, L, H, D = q.shape
    Hkv = k.shape[2]
    made = []
    for b in range(B):
        for i in range(L):
            runs = [(s, s + over) for s in range(0, L, every) if s + over <= i + 1]
            for g in range(Hkv):
                share = torch.zeros(L // block + 1)
                for h in range(g * H // Hkv, (g + 1) * H // Hkv):
                    if not runs:
                        continue
                    p = torch.softmax(torch.stack([q[b, i, h] @ k[b, s:e, g].mean(0) for s, e in runs]) * scale, 0)
                    for weight, (s, e) in zip(p, runs):
                        for piece in range(s, e, every):
                            share[piece // block] += weight
                own = i // block
                always = {own, max(own - 1, 0), 0}
                rest = [n for n in range(own) if n not in always]
                left = max(0, count - len(always))
                best = clear_choice(share[rest], left) if rest else []
                made.append(always | {rest[n] for n in best})
    return made


def nsa_overlapping(over, every, block, count, window):
    def attend(w, x, q, k, v):
        B, L, H, D = q.shape
        Hkv, s = k.shape[2], D ** -0.5
        blocks = choices(q, k, over, every, block, count, s)
        out = [torch.zeros(B, L, H, v.shape[-1]) for _ in range(2)]
        for b in range(B):
            for i in range(L):
                runs = [(t, t + over) for t in range(0, L, every) if t + over <= i + 1]
                for h in range(H):
                    g = h // (H // Hkv)
                    if runs:
                        kc, vc = (torch.stack([y[b, t:e, g].mean(0) for t, e in runs]) for y in (k, v))
                        out[0][b, i, h] = softmax_over(q[b, i, h], kc, vc, range(len(runs)), s)
                    tokens = [t for n in sorted(blocks[(b * L + i) * Hkv + g]) for t in range(n * block, min((n + 1) * block, i + 1))]
                    out[1][b, i, h] = softmax_over(q[b, i, h], k[b, :, g], v[b, :, g], tokens, s)
        return sum(g * y for g, y in zip(gates_of(w, x, H), [*out, sliding(q, k, v, window, s)]))

    return attend


def native_sparse():
    module = fla_nsa()

    def options(block, count, window, over=None, every=None, **more):
        return {"block": block, "count": count, "window": window, "over": over or block, "every": every or block, **more}

    def gates(H, E):
        return {"gates": (3 * H, E)}

    write("native-sparse", [
        score_case("grouped", (2, 13, 4, 2, 3, 5), nsa(module, 2, 4, 3), gates(4, 5), options(2, 4, 3)),
        score_case("a scale", (1, 12, 2, 1, 4, 3), nsa(module, 2, 5, 2, 0.3), gates(2, 3), options(2, 5, 2, scale=0.3)),
        score_case("overlapping runs", (1, 19, 4, 2, 3, 5), nsa_overlapping(4, 2, 4, 4, 3), gates(4, 5), options(4, 4, 3, 4, 2)),
        layer_case("prefill and steps", (11, 1, 1, 1), Layer(nsa(module, 2, 4, 3), 4, 3, 6, 2, gates(4, 6)), options(2, 4, 3, Hkv=2)),
        layer_case("overlapping runs, pieces", (2, 19, 3), Layer(nsa_overlapping(4, 2, 2, 5, 4), 2, 2, 4, extra=gates(2, 4)), options(2, 5, 4, 4, 2), B=1),
    ], "tooling/golden/key_blocks.py: fla-core 0.6.0 for equal blocks, the paper's equations for runs that overlap, "
       f"PyTorch {torch.__version__.split('+')[0]}, float64")


if __name__ == "__main__":
    mixture_of_blocks()
    native_sparse()
