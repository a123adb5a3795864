"""The cases that ship with the command line, for `headwise verify` without a path. Python's own float64, no library.

    python3 tooling/golden/verify_cases.py
"""

import json
import math
import struct
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "packages" / "headwise" / "assets" / "cases"


def numbers(seed, *shape):
    """Multiples of 1/8, which float32 keeps exactly."""
    size = math.prod(shape)
    return list(shape), [((5 * (seed + i) + seed * i) % 19 - 9) / 8 for i in range(size)]


def write(op, case, attributes, inputs, outputs):
    header = {"__metadata__": {
        "op": op, "case": case, "attributes": json.dumps(attributes), "inputs": json.dumps(list(inputs)),
        "outputs": json.dumps(list(outputs)), "features": json.dumps([op]), "atol": "1e-05", "rtol": "0.0001",
        "origin": "tooling/golden/verify_cases.py, CPython 3, float64",
    }}
    body = b""
    for kind, arrays in (("input", inputs), ("output", outputs)):
        for name, (shape, data) in arrays.items():
            packed = struct.pack(f"<{len(data)}f", *data)
            header[f"{kind}.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(packed)]}
            body += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{case}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


def softmax(row):
    exps = [math.exp(x - max(row)) for x in row]
    return [x / sum(exps) for x in exps]


shape, a = numbers(1, 2, 3)
_, b = numbers(2, 3, 4)
product = [sum(a[i * 3 + k] * b[k * 4 + j] for k in range(3)) for i in range(2) for j in range(4)]
write("MatMul", "matmul", {}, {"a": (shape, a), "b": ([3, 4], b)}, {"c": ([2, 4], product)})

shape, x = numbers(3, 2, 5)
write("Softmax", "softmax", {"axis": -1}, {"x": (shape, x)}, {"y": (shape, softmax(x[:5]) + softmax(x[5:]))})

shape, x = numbers(4, 7)
write("Swish", "swish", {"alpha": 1.0}, {"x": (shape, x)}, {"y": (shape, [v / (1 + math.exp(-v)) for v in x])})

# two query heads read one key head, each token sees itself and those before it: [B, H, L, D]
H, L, D = 2, 3, 4
(_, q), (_, k), (_, v) = numbers(5, 1, H, L, D), numbers(6, 1, 1, L, D), numbers(7, 1, 1, L, D)
y = []
for h in range(H):
    for i in range(L):
        scores = [sum(q[(h * L + i) * D + d] * k[j * D + d] for d in range(D)) / math.sqrt(D) for j in range(i + 1)]
        y += [sum(w * v[j * D + d] for j, w in enumerate(softmax(scores))) for d in range(D)]
write("Attention", "attention-grouped-causal", {"is_causal": 1},
      {"Q": ([1, H, L, D], q), "K": ([1, 1, L, D], k), "V": ([1, 1, L, D], v)}, {"Y": ([1, H, L, D], y)})
