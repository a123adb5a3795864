#!/bin/sh
# Installing flash-linear-attention makes Qwen3-Next fail on a machine without a GPU, where it ran before.
# Expected: transformers has a torch path for the CPU, is_flash_linear_attention_available() is False without an
#   accelerator, and fla itself warns that it will "roll back to CPU". So an optional package changes nothing there.
# Happens (transformers 5.24.0, flash-linear-attention 0.6.0): the kernels are chosen by whether fla can be imported, the
#   test of availability is not asked, and the first forward pass ends in Triton's "0 active drivers".
# Source: integrations/hub_kernels.py, use_kernel_func_from_hub_with_fallback, against utils/import_utils.py.
# Matters: one image for GPU and CPU machines cannot hold fla; even torch_recurrent_gated_delta_rule, imported by its name
#   as the reference for a test, is then the Triton kernel.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.24.0 numpy
cat > "$work/forward.py" <<'PYTHON'
import sys

import torch
import transformers
from transformers import Qwen3NextConfig, Qwen3NextForCausalLM
from transformers.models.qwen3_next.modeling_qwen3_next import torch_recurrent_gated_delta_rule
from transformers.utils.import_utils import is_flash_linear_attention_available

wanted = sys.argv[1]
torch.manual_seed(0)
heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
linear = {"linear_num_value_heads": 2, "linear_num_key_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16}
layers = {"num_hidden_layers": 2, "layer_types": ["linear_attention", "full_attention"], "mlp_only_layers": [0, 1]}
model = Qwen3NextForCausalLM(Qwen3NextConfig(vocab_size=32, hidden_size=32, intermediate_size=32, num_experts=0, **heads, **linear, **layers))
print("transformers", transformers.__version__, "torch", torch.__version__)
print("a GPU:", torch.cuda.is_available(), "- fla available, says transformers:", is_flash_linear_attention_available())


def outcome(call):
    try:
        with torch.no_grad():
            return "runs" if call().isfinite().all() else "not finite"
    except RuntimeError as error:
        print("RuntimeError:", error)
        return "no driver" if "0 active drivers" in str(error) else "another error"


x, gates = torch.ones(1, 8, 2, 16), -torch.ones(1, 8, 2)
forward = outcome(lambda: model.eval()(torch.arange(8)[None]).logits)
print("forward pass:", forward)
by_name = outcome(lambda: torch_recurrent_gated_delta_rule(x, x / 4, x, g=gates, beta=-gates / 2)[0])
print("torch_recurrent_gated_delta_rule:", by_name)
sys.exit(0 if forward == by_name == wanted and not is_flash_linear_attention_available() else 1)
PYTHON
export TRANSFORMERS_VERBOSITY=error HF_HUB_OFFLINE=1 CUDA_VISIBLE_DEVICES=
"$work/venv/bin/python" "$work/forward.py" runs
"$work/venv/bin/pip" install --quiet --no-deps flash-linear-attention==0.6.0 fla-core==0.6.0 einops==0.8.2
echo "now with flash-linear-attention 0.6.0"
"$work/venv/bin/python" "$work/forward.py" "no driver"
