#!/bin/sh
# Falcon with ALiBi gives other logits by eager attention than by sdpa.
# Expected: attn_implementation chooses a kernel, not a model; the two agree to rounding, as for other families.
# Happens (transformers 5.24.0): with alibi=True the eager path adds the ALiBi bias twice, once in the prepared mask and
#   once in FalconAttention, so its slopes are double; sdpa adds it once. Eager with halved slopes equals sdpa.
# Source: models/falcon/modeling_falcon.py, FalconAttention.forward and the mask that FalconModel.forward makes. Press et
#   al. 2022, section 3: one bias a score.
# Matters: asking for attention weights selects eager, so the pictures and the logits are those of another model.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 numpy
TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON'
import sys

import torch
import transformers
import transformers.models.falcon.modeling_falcon as falcon
from transformers import FalconConfig, FalconForCausalLM

torch.manual_seed(0)
sizes = {"vocab_size": 32, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
form = {"alibi": True, "multi_query": False, "new_decoder_architecture": False, "parallel_attn": False, "bias": True}
sdpa = FalconForCausalLM(FalconConfig(**sizes, **form, attn_implementation="sdpa")).eval()
eager = FalconForCausalLM(FalconConfig(**sizes, **form, attn_implementation="eager")).eval()
ids = torch.tensor([[5, 7, 11, 2, 9, 23, 4, 17]])
with torch.no_grad():
    for weight in sdpa.parameters():
        if weight.dim() > 1:
            weight.mul_(8)  # far enough from uniform attention for the bias to show
    eager.load_state_dict(sdpa.state_dict())
    wanted = sdpa(ids).logits
    apart = (eager(ids).logits - wanted).abs().max().item()
    build = falcon.build_alibi_tensor
    falcon.build_alibi_tensor = lambda *given, **named: build(*given, **named) / 2
    halved = (eager(ids).logits - wanted).abs().max().item()
print("transformers", transformers.__version__, "torch", torch.__version__)
print(f"eager against sdpa: largest difference {apart:.4f} of logits with deviation {wanted.std().item():.2f}")
print(f"eager with halved slopes against sdpa: {halved:.1e}")
sys.exit(0 if apart > 0.05 and halved < 1e-5 else 1)
PYTHON
