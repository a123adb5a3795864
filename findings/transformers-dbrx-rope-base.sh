#!/bin/sh
# DBRX in transformers 5.24.0 turns by the wrong base.
# Expected: the published config.json of DBRX says its base as attn_config.rope_theta (500000), and transformers 4.57
#   reads it there; 5 keeps old files working by moving rope_theta into rope_parameters when it loads them.
# Happens: DbrxConfig 5.24.0 moves only a rope_theta at the top of the file. The one inside attn_config stays where it
#   is and is read by nobody: the rotary module turns by the default, 10000, without a warning.
# Source: models/dbrx/modeling_dbrx.py, DbrxRotaryEmbedding reads config.rope_parameters["rope_theta"].
# Matters: every pair but the first turns at another speed, so a loaded DBRX attends wrongly from the first tokens on.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 numpy
TRANSFORMERS_VERBOSITY=warning HF_HUB_OFFLINE=1 "$work/venv/bin/python" - <<'PYTHON'
import sys

import transformers
from transformers import DbrxConfig
from transformers.models.dbrx.modeling_dbrx import DbrxRotaryEmbedding

# the fields of databricks/dbrx-instruct's config.json that say something about positions
published = {
    "d_model": 6144,
    "n_heads": 48,
    "n_layers": 40,
    "max_seq_len": 32768,
    "attn_config": {"clip_qkv": 8, "kv_n_heads": 8, "rope_theta": 500000},
}
rotary = DbrxRotaryEmbedding(DbrxConfig(**published))
D = published["d_model"] // published["n_heads"]
base = float(rotary.inv_freq[1]) ** (-D / 2)
print("transformers", transformers.__version__)
print("attn_config.rope_theta of the file:", published["attn_config"]["rope_theta"])
print(f"base that the rotary module turns by: {base:.0f}")
sys.exit(0 if abs(base - 10000) < 1 else 1)
PYTHON
