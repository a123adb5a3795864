#!/bin/sh
# Two references of the gated delta rule in one file take their gates in different orders, and the wrong order is no error.
# Expected: naive_recurrent_gated_delta_rule and naive_chunk_gated_delta_rule, "reference PyTorch implementation" both, can stand for
#   each other: same rule, same shapes, arguments by position as fla's own layers hand them over.
# Happens (fla-core 0.6.0): the recurrent one takes (q, k, v, beta, g), the one in chunks (q, k, v, g, beta), Comba's pair likewise,
#   KDA's (g, beta) in both. beta and g have one shape, so that a swap is neither refused nor always absurd: over six tokens the
#   outputs are finite, of the right size, and wrong.
# Source: ops/gated_delta_rule/naive.py, ops/comba/naive.py, ops/kda/naive.py.
# Matters: golden values of a test that changes one form for the other are wrong without a word; name the arguments.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy einops==0.8.2
"$work/venv/bin/pip" install --quiet --no-deps fla-core==0.6.0
"$work/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import importlib.util
import inspect
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


def gates_of(rule):
    return [name for name in inspect.signature(rule).parameters if name in ("g", "beta")]


print("fla-core", importlib.metadata.version("fla-core"), "torch", torch.__version__)
gdr, comba, kda = reference("gated_delta_rule"), reference("comba"), reference("kda")
orders = {}
for rule in (
    gdr.naive_recurrent_gated_delta_rule,
    gdr.naive_chunk_gated_delta_rule,
    comba.naive_recurrent_comba,
    comba.naive_chunk_comba,
    kda.naive_recurrent_kda,
    kda.naive_chunk_kda,
):
    orders[rule.__name__] = gates_of(rule)
    print(f"{rule.__name__}: {', '.join(gates_of(rule))}")

torch.manual_seed(0)
B, L, H, D = 1, 6, 2, 8
unit = torch.nn.functional.normalize
q, k, v = unit(torch.randn(B, L, H, D), dim=-1), unit(torch.randn(B, L, H, D), dim=-1), torch.randn(B, L, H, D)
g, beta = -torch.rand(B, L, H), torch.rand(B, L, H)
right, _ = gdr.naive_recurrent_gated_delta_rule(q, k, v, beta, g)
named, _ = gdr.naive_chunk_gated_delta_rule(q, k, v, g=g, beta=beta)
same_order, _ = gdr.naive_chunk_gated_delta_rule(q, k, v, beta, g)
apart = [(right - other).abs().max().item() for other in (named, same_order)]
print(f"the same order for both: {apart[1]:.2f} apart, finite: {bool(same_order.isfinite().all())}; by name: {apart[0]:.0e}")
swapped = [["beta", "g"], ["g", "beta"]]
as_found = list(orders.values()) == [*swapped, *swapped, ["g", "beta"], ["g", "beta"]]
sys.exit(0 if as_found and apart[0] < 1e-5 < 0.05 < apart[1] and same_order.isfinite().all() else 1)
PYTHON
