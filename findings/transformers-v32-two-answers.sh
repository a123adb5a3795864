#!/bin/sh
# A DeepSeek-V3.2 that transformers 5.24.0 saves may say of its layers two things that contradict each other.
# Expected: first_k_dense_replace, by which V3 and the published files say where experts begin, holds for what V3.2 saves, or
#   a file that contradicts itself is refused; editing it in a saved config.json moves the first layer with experts.
# Happens: the layers follow mlp_layer_types alone. The number is a default for a missing list, is saved as it stood (3), and
#   editing it does nothing: the list that is saved beside it wins without a warning.
# Source: models/deepseek_v32/configuration_deepseek_v32.py, __post_init__; modeling_deepseek_v32.py, the decoder layer.
# Matters: a loader that knows V3's field alone gives such files other layers, or misses weights; both must be read.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 numpy
TRANSFORMERS_VERBOSITY=warning HF_HUB_OFFLINE=1 "$work/venv/bin/python" - "$work/saved" <<'PYTHON'
import json
import sys
from pathlib import Path

import transformers
from transformers.models.deepseek_v32.configuration_deepseek_v32 import DeepseekV32Config
from transformers.models.deepseek_v32.modeling_deepseek_v32 import DeepseekV32Model

SMALL = dict(
    vocab_size=16, hidden_size=16, intermediate_size=8, moe_intermediate_size=4, num_hidden_layers=3, num_attention_heads=2,
    num_key_value_heads=2, q_lora_rank=8, kv_lora_rank=8, qk_nope_head_dim=4, qk_rope_head_dim=4, v_head_dim=4,
    n_routed_experts=4, num_experts_per_tok=1, n_group=1, topk_group=1, index_head_dim=4, index_n_heads=2, index_topk=2,
)
file = Path(sys.argv[1]) / "config.json"


def kinds(config):
    return ["sparse" if hasattr(layer.mlp, "experts") else "dense" for layer in DeepseekV32Model(config).layers]


DeepseekV32Config(mlp_layer_types=["dense", "sparse", "sparse"], **SMALL).save_pretrained(file.parent)
saved = json.loads(file.read_text())
said = saved["first_k_dense_replace"]
before = kinds(DeepseekV32Config.from_pretrained(file.parent))
file.write_text(json.dumps({**saved, "first_k_dense_replace": 2}))
after = kinds(DeepseekV32Config.from_pretrained(file.parent))
print("transformers", transformers.__version__)
print("saved: first_k_dense_replace", said, "beside mlp_layer_types", saved["mlp_layer_types"])
print("layers as loaded:", before, "and with first_k_dense_replace 2:", after)
listed = ["dense", "sparse", "sparse"]
sys.exit(0 if said == 3 and before == listed and after == listed else 1)
PYTHON
