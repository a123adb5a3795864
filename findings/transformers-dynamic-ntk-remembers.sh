#!/bin/sh
# A model with dynamic NTK answers by the longest text that it has seen, not by the one it is given.
# Expected: model(ids) without a cache is a function of ids; dynamic NTK takes its base from the length of those ids.
# Happens (transformers 5.24.0): the rotary module keeps the frequencies of the longest call. After one text of 40 tokens a
#   text of 30 gives other logits than in a fresh copy of the same weights. Only a text no longer than
#   max_position_embeddings sets it back.
# Source: modeling_rope_utils.py, dynamic_frequency_update (it grows with seq_len > max_seq_len_cached, and resets below
#   original_max_seq_len); the formula by length: bloc97 2023, the "Dynamically Scaled RoPE" post, and its base per call.
# Matters: results past the trained length depend on the order of requests, and on the neighbours in a batch.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 numpy
TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON'
import sys

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
scaling = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}
config = LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, **heads, max_position_embeddings=16, rope_parameters=scaling)
used = LlamaForCausalLM(config).eval()
ids = torch.arange(1, 41)[None]
with torch.no_grad():
    for weight in used.parameters():
        if weight.dim() > 1:
            weight.mul_(12)  # attention that is not uniform
    fresh = LlamaForCausalLM(config).eval()
    fresh.load_state_dict(used.state_dict())
    wanted = fresh(ids[:, :30], use_cache=False).logits
    before = (used(ids[:, :30], use_cache=False).logits - wanted).abs().max().item()
    used(ids, use_cache=False)
    after = (used(ids[:, :30], use_cache=False).logits - wanted).abs().max().item()
    used(ids[:, :12], use_cache=False)
    reset = (used(ids[:, :30], use_cache=False).logits - wanted).abs().max().item()
print("transformers", transformers.__version__, "torch", torch.__version__)
print(f"30 tokens against a fresh copy: {before:.1e}; after a text of 40: {after:.2f}; after one of 12: {reset:.1e}")
print(f"deviation of the logits: {wanted.std().item():.2f}")
sys.exit(0 if before < 1e-5 and after > 0.1 and reset < 1e-5 else 1)
PYTHON
