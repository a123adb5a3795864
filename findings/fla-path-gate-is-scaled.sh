#!/bin/sh
# PaTH attention's forget gate in flash-linear-attention forgets more slowly, by the root of the head's size, than FoX's.
# Expected: with Householder factors that turn nothing (beta 0), PaTH with a gate is forgetting attention: the logarithms of
#   the gates are added to scores that are already scaled, so that a gate of one half halves a weight.
# Happens (fla-core 0.6.0): naive_path_attn adds them first and scales the sum, so that a gate f acts as f^(1/sqrt D). With D 16
#   the outputs differ by more than 1; forgetting attention of gates times the scale gives PaTH's numbers exactly.
# Source: ops/path_attn/naive.py, (A * scale).softmax after g_cumsum; parallel_path_fwd.py does the same; ops/forgetting_attn/naive.py.
# Matters: gates trained in one of the two mean something else in the other, and golden values of one do not fit the formula.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy einops==0.8.2
"$work/venv/bin/pip" install --quiet --no-deps fla-core==0.6.0
"$work/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

import torch


def reference(name):
    """A file of references alone: the package itself asks for Triton."""
    folder = next(Path(place) for place in sys.path if (Path(place) / "fla/ops").is_dir())
    spec = importlib.util.spec_from_file_location(name, folder / "fla/ops" / name / "naive.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


path, fox = reference("path_attn"), reference("forgetting_attn")
torch.manual_seed(0)
B, L, H, D = 1, 100, 2, 16
q, k, v, w = (torch.randn(B, L, H, D) for _ in range(4))
log_gates = torch.nn.functional.logsigmoid(torch.randn(B, L, H))
nothing = torch.zeros(B, L, H)
scale = D**-0.5

got = path.naive_path_attn(q, k, v, w, nothing, log_gates, scale)
as_is = (got - fox.naive_forgetting_attn(q, k, v, log_gates, scale)).abs().max().item()
scaled = (got - fox.naive_forgetting_attn(q, k, v, log_gates * scale, scale)).abs().max().item()
print("fla-core", importlib.metadata.version("fla-core"), "torch", torch.__version__)
print(f"PaTH that turns nothing against FoX of the same gates: {as_is:.2f}; of gates times 1/sqrt(D): {scaled:.1e}")
sys.exit(0 if as_is > 0.5 and scaled < 1e-5 else 1)
PYTHON
