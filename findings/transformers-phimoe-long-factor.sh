#!/bin/sh
# Phi-3.5-MoE in transformers 5.24.0 never uses the long list of LongRoPE.
# Expected: past original_max_position_embeddings LongRoPE divides by long_factor (Phi-3 does, and PhiMoE did in 4.57).
# Happens: PhimoeRotaryEmbedding.forward computes its frequencies anew with rope_init_fn(self.config), without the
#   length, and so always by short_factor; what the decorator dynamic_rope_update has just put into inv_freq is not
#   read. The attention factor does switch to long_mscale.
# Source: models/phimoe/modeling_phimoe.py, class PhimoeRotaryEmbedding.
# Matters: a 128k model extrapolates with the frequencies of 4k past its 4096th token, with no warning.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 numpy
TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON'
import sys

import torch
import transformers
from transformers import Phi3Config, PhimoeConfig
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding
from transformers.models.phimoe.modeling_phimoe import PhimoeRotaryEmbedding

D = 16
lists = {"short_factor": [1.0] * (D // 2), "long_factor": [4.0] * (D // 2)}
sizes = {"hidden_size": 4 * D, "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 131072}


def angle_of_the_second_pair(rotary, position):
    cos, sin = rotary(torch.zeros(1), torch.tensor([[position]]))
    return torch.atan2(sin[0, 0, 1], cos[0, 0, 1]).item()


scaling = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 4096, **lists}
phi3 = Phi3RotaryEmbedding(Phi3Config(**sizes, original_max_position_embeddings=4096, rope_parameters=dict(scaling)))
phimoe = PhimoeRotaryEmbedding(PhimoeConfig(**sizes, rope_parameters={**scaling, "short_mscale": 1.0, "long_mscale": 1.0}))
position = 8001  # past 4096
f = 10000.0 ** (-2 / D)
turn = lambda divisor: torch.atan2(torch.sin(torch.tensor(position * f / divisor, dtype=torch.float64)), torch.cos(torch.tensor(position * f / divisor, dtype=torch.float64))).item()
print("transformers", transformers.__version__)
print(f"by short_factor: {turn(1):.3f}, by long_factor: {turn(4):.3f}")
print(f"Phi-3:   {angle_of_the_second_pair(phi3, position):.3f}")
print(f"Phi-MoE: {angle_of_the_second_pair(phimoe, position):.3f}")
long_in_phi3 = abs(angle_of_the_second_pair(phi3, position) - turn(4)) < 1e-2
short_in_phimoe = abs(angle_of_the_second_pair(phimoe, position) - turn(1)) < 1e-2
sys.exit(0 if long_in_phi3 and short_in_phimoe else 1)
PYTHON
