"""
Golden values for the recurrent encoder-decoder of @headwise/models, computed apart from its code: PyTorch in float64,
each text alone and token by token, as the equations of Cho et al. 2014 (section 2 and appendix A) and Bahdanau et al.
2014 (section 3 and appendix A) have it.

    python tooling/golden/recurrent.py      writes packages/models/golden/rnn-encoder-decoder.json
"""

import json
from pathlib import Path

import torch

FILE = Path(__file__).parents[2] / "packages" / "models" / "golden" / "rnn-encoder-decoder.json"
torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(20261129)

SIZES = {"Vs": 9, "V": 7, "E": 4, "N": 5, "M": 3}
A = 6
SOURCES = [[3, 1, 4, 1, 5, 8], [2, 6, 0]]
TEXTS = [[0, 3, 5, 2], [0, 6, 1, 1]]


def sample(*shape):
    """Values that float32 holds exactly, so that every device starts from the same numbers."""
    return torch.round((torch.rand(shape, generator=generator) * 2 - 1) * 0.9 * 256) / 256


def unit(name, E, N):
    return {f"{name}.input": sample(3 * N, E), f"{name}.input.bias": sample(3 * N), f"{name}.hidden": sample(2 * N, N), f"{name}.candidate": sample(N, N)}


def step(w, name, x, h):
    N = len(h)
    wr, wz, wh = w[f"{name}.input"].split(N)
    br, bz, bh = w[f"{name}.input.bias"].split(N)
    ur, uz = w[f"{name}.hidden"].split(N)
    r = torch.sigmoid(wr @ x + br + ur @ h)
    z = torch.sigmoid(wz @ x + bz + uz @ h)
    candidate = torch.tanh(wh @ x + bh + w[f"{name}.candidate"] @ (r * h))
    return (1 - z) * h + z * candidate


def over(w, name, xs):
    h, all_h = torch.zeros(SIZES["N"]), []
    for x in xs:
        h = step(w, name, x, h)
        all_h.append(h)
    return all_h


def weights_of(aligned):
    E, N, M, V, Vs = (SIZES[key] for key in ("E", "N", "M", "V", "Vs"))
    C = 2 * N if aligned else N
    w = {"encoder.embed": sample(Vs, E)} | unit("encoder.forward", E, N)
    if aligned:
        w |= unit("encoder.backward", E, N)
        w |= {"encoder.start": sample(N, N), "encoder.query": sample(A, N), "encoder.key": sample(A, 2 * N), "encoder.score": sample(1, A)}
    else:
        w |= {"encoder.summary": sample(N, N), "encoder.start": sample(N, N)}
    w |= {"decoder.embed": sample(V, E)} | unit("decoder", E + C, N)
    w |= {"out.state": sample(2 * M, N), "out.embed": sample(2 * M, E), "out.context": sample(2 * M, C), "out.bias": sample(2 * M)}
    return w | {"head": sample(V, M), "head.bias": sample(V)}


def run(w, aligned, source, text):
    xs = [w["encoder.embed"][i] for i in source]
    forward = over(w, "encoder.forward", xs)
    if aligned:
        backward = over(w, "encoder.backward", xs[::-1])[::-1]
        annotations = [torch.cat(pair) for pair in zip(forward, backward)]
        s = torch.tanh(w["encoder.start"] @ backward[0])
    else:
        fixed = torch.tanh(w["encoder.summary"] @ forward[-1])
        s = torch.tanh(w["encoder.start"] @ fixed)
    logits, alignments = [], []
    for token in text:
        y = w["decoder.embed"][token]
        if aligned:
            e = [w["encoder.score"][0] @ torch.tanh(w["encoder.query"] @ s + w["encoder.key"] @ h) for h in annotations]
            a = torch.softmax(torch.stack(e), 0)
            c = sum(weight * h for weight, h in zip(a, annotations))
            alignments.append([float(f"{x:.9g}") for x in a])
        else:
            c = fixed
        s = step(w, "decoder", torch.cat([y, c]), s)
        t = w["out.state"] @ s + w["out.embed"] @ y + w["out.context"] @ c + w["out.bias"]
        t = torch.maximum(t[0::2], t[1::2])
        logits.append([float(f"{x:.9g}") for x in w["head"] @ t + w["head.bias"]])
    return {"source": source, "text": text, "logits": logits, "alignments": alignments}


def case(name, aligned):
    w = weights_of(aligned)
    texts = [run(w, aligned, source, text) for source, text in zip(SOURCES, TEXTS)]
    stored = {key: {"shape": list(x.shape), "data": x.reshape(-1).tolist()} for key, x in w.items()}
    return {"name": name, "sizes": SIZES, "A": A if aligned else None, "weights": stored, "texts": texts}


if __name__ == "__main__":
    program = f"tooling/golden/recurrent.py, PyTorch {torch.__version__.split('+')[0]}, float64"
    cases = [case("fixed-context", False), case("aligned-context", True)]
    text = json.dumps({"program": program, "cases": cases}, separators=(",", ":"))
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")
    print(f"{len(cases)} cases, {len(text)} bytes")
