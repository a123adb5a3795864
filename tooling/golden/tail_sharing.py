"""
Golden values for the variant whose last layers share keys and values by kind, computed by an independent program in float64.

    pip install torch
    python tooling/golden/tail_sharing.py      writes packages/attention-variants/golden/tail-sharing.json
"""

import torch

from attention_common import Forward, attend_case, causal, layers_case, window, write

PROGRAM = f"tooling/golden/tail_sharing.py, PyTorch {torch.__version__.split('+')[0]}, float64"


def tail_sharing():
    class ByKind(Forward):
        """Layers whose rules differ: windowed but for the last of each period."""

        def __call__(self, layer, x, weights, past, start):
            self.rule = causal if (layer + 1) % self.period == 0 else window(self.window)
            return super().__call__(layer, x, weights, past, start)

    cases = []
    for layers, period, tail, W, table in [(4, 2, 2, 3, [0, 1, 0, 1]), (7, 3, 3, 2, [0, 1, 2, 3, 3, 2, 3])]:
        shape = {"E": 4, "H": 2, "D": 2, "layers": layers}
        forward = ByKind(shape, causal, Hkv=1, producer=lambda layer, table=table: table[layer])
        forward.period, forward.window = period, W
        calls = [(layer, length) for length in (5, 1, 2) for layer in range(layers)]
        options = {"period": period, "tail": tail, "window": W, "Hkv": 1}
        cases.append(layers_case(f"period {period}, the last {tail} of {layers} layers", shape, calls, forward, options=options, B=1))
    cases.append(attend_case("as a window", window(3), Lq=4, Lk=6, H=4, Hkv=2, D=4, options={"window": 3}))
    write("tail-sharing", cases, PROGRAM)


if __name__ == "__main__":
    tail_sharing()
