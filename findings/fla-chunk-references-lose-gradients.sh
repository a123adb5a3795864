#!/bin/sh
# The references in chunks of Kimi Delta Attention and of GDN-2 give right outputs and gradients that are NaN.
# Expected: naive_recurrent and naive_chunk of one rule are one function, in values and in what autograd makes of them.
# Happens (fla-core 0.6.0, chunks of 64): with log gates of -1 both agree in both; from -1.5 on a token the outputs still agree to
#   1e-7, and gradients of the form in chunks are NaN where those token by token are finite: exp of the decay from a key back
#   to an earlier one overflows, a mask hides it on the way out, and on the way back zero times infinity is NaN.
# Source: ops/kda/naive.py, (g - g_i).exp() before masked_fill; ops/gdn2/naive.py, decay_ij.exp(). simple_gla masks before exp.
# Matters: fla's kernels take log gates down to -5, where nothing of the gradient is left; golden gradients are to come from the
#   recurrent form, and an own form in chunks must mask what it raises e to.
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


B, L, H, D = 1, 128, 2, 16


def tried(rule, gates, log_gate):
    """Outputs, and the gradient of the keys, of unit keys with the same decay at every token."""
    torch.manual_seed(1)
    unit = torch.nn.functional.normalize
    q, k, v = unit(torch.randn(B, L, H, D), dim=-1), unit(torch.randn(B, L, H, D), dim=-1), torch.randn(B, L, H, D)
    k.requires_grad_()
    g = torch.full((B, L, H, D), log_gate, requires_grad=True)
    out, _ = rule(q, k, v, g, *(torch.rand(B, L, H, *size) for size in gates))
    out.sum().backward()
    return out.detach(), k.grad


print("fla-core", importlib.metadata.version("fla-core"), "torch", torch.__version__)
kda, gdn2 = reference("kda"), reference("gdn2")
rules = {
    "kda": (kda.naive_recurrent_kda, kda.naive_chunk_kda, [()]),
    "gdn2": (gdn2.naive_recurrent_gdn2, gdn2.naive_chunk_gdn2, [(D,), (D,)]),
}
as_found = True
for name, (recurrent, chunk, gates) in rules.items():
    for log_gate in (-1.0, -1.5, -5.0):
        (out, grad), (chunk_out, chunk_grad) = tried(recurrent, gates, log_gate), tried(chunk, gates, log_gate)
        apart = (out - chunk_out).abs().max().item()
        lost = chunk_grad.isnan().sum().item()
        print(f"{name}, log gate {log_gate}: outputs {apart:.0e} apart; NaN of {grad.numel()} gradients: "
              f"{grad.isnan().sum().item()} token by token, {lost} in chunks")
        as_found = as_found and apart < 1e-5 and not grad.isnan().any() and (lost > 0) == (log_gate < -1)
sys.exit(0 if as_found else 1)
PYTHON
