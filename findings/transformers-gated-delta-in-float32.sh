#!/bin/sh
# The gated delta rule of a model in float64 is computed in float32, and nothing says so.
# Expected: a module that is given float64 and answers in float64 computes in it, as the attention of the same model does; golden
#   values of model.double() are then right to some 1e-15.
# Happens (transformers 5.24.0, Qwen3-Next): both PyTorch forms of the rule, in chunks and token by token, turn all their inputs
#   into float32 and the output back. The dtype says float64, the numbers are 1e-8 off a loop in float64, and the state that
#   goes into the cache stays float32.
# Source: modeling_qwen3_next.py, torch_chunk_gated_delta_rule and torch_recurrent_gated_delta_rule (.to(torch.float32)).
# Matters: tests against such values need the tolerance of float32, or they fail a right implementation.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 numpy
TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import torch
import transformers
from transformers.models.qwen3_next import modeling_qwen3_next as qwen

torch.manual_seed(0)
B, L, H, D = 1, 12, 2, 8
q, k, v = (torch.randn(B, L, H, D, dtype=torch.float64) for _ in range(3))
q, k = (torch.nn.functional.normalize(x, dim=-1) for x in (q, k))
g = -torch.rand(B, L, H, dtype=torch.float64)
beta = torch.rand(B, L, H, dtype=torch.float64)

state = np.zeros((B, H, D, D))
wanted = np.zeros((B, L, H, D))
for t in range(L):
    key, write = k[:, t].numpy(), beta[:, t].numpy()[..., None]
    state = state * np.exp(g[:, t].numpy())[..., None, None]
    correction = (v[:, t].numpy() - np.einsum("bhkv,bhk->bhv", state, key)) * write
    state = state + np.einsum("bhk,bhv->bhkv", key, correction)
    wanted[:, t] = np.einsum("bhkv,bhk->bhv", state, q[:, t].numpy()) / np.sqrt(D)

print("transformers", transformers.__version__, "torch", torch.__version__)
as_found = True
for rule in (qwen.torch_recurrent_gated_delta_rule, qwen.torch_chunk_gated_delta_rule):
    out, kept = rule(q, k, v, g=g, beta=beta, initial_state=None, output_final_state=True)
    off = np.abs(out.numpy() - wanted).max()
    print(f"{rule.__name__}: output {out.dtype}, state {kept.dtype}, {off:.1e} off float64")
    as_found = as_found and out.dtype == torch.float64 and kept.dtype == torch.float32 and 1e-10 < off < 1e-5
sys.exit(0 if as_found else 1)
PYTHON
