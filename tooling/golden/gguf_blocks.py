"""Numbers that gguf-py makes of random blocks of every type, for packages/models/src/formats/gguf-blocks.test.ts.

    python tooling/golden/gguf_blocks.py      writes packages/models/golden/gguf-blocks.json

Needs gguf and numpy. The bytes follow from a linear congruence, so that the test makes them again; the exponents of
the scales are kept small enough to be finite.
"""

import json
from pathlib import Path

import gguf
import numpy as np

TARGET = Path(__file__).parents[2] / "packages" / "models" / "golden" / "gguf-blocks.json"
BLOCKS = 3
# type: bytes of a block, and where its f16 stand
TYPES = {
    "Q8_0": (34, [0]),
    "Q4_0": (18, [0]),
    "Q4_1": (20, [0, 2]),
    "Q5_0": (22, [0]),
    "Q5_1": (24, [0, 2]),
    "IQ4_NL": (18, [0]),
    "Q2_K": (84, [80, 82]),
    "Q3_K": (110, [108]),
    "Q4_K": (144, [0, 2]),
    "Q5_K": (176, [0, 2]),
    "Q6_K": (210, [208]),
    # its one byte of exponent, where the upper byte of a half would stand
    "MXFP4": (17, [-1]),
}


def random_bytes(count: int, seed: int) -> np.ndarray:
    state, out = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state >> 24)
    return np.array(out, dtype=np.uint8)


record = {"producer": f"tooling/golden/gguf_blocks.py, gguf-py, numpy {np.__version__}", "types": {}}
for seed, (name, (size, halves)) in enumerate(TYPES.items(), start=1):
    data = random_bytes(size * BLOCKS, seed).reshape(BLOCKS, size)
    for at in halves:
        # below 2: 0x3fff is the largest f16 under it
        data[:, at + 1] &= 0xBF
    kind = getattr(gguf.GGMLQuantizationType, name)
    values = gguf.quants.dequantize(data, kind).astype(np.float32)
    record["types"][name] = {
        "seed": seed,
        "halves": halves,
        "values": [float(value) for value in values.reshape(-1)],
    }
TARGET.parent.mkdir(exist_ok=True)
TARGET.write_text(json.dumps(record, separators=(",", ":")) + "\n")
