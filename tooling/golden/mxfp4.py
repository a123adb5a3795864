"""
Golden logits of a gpt-oss whose experts are in MXFP4, for packages/models/src/formats/mxfp4-pairs.test.ts: blocks and
scales become numbers by transformers' own conversion, the model runs in float64 (its norms and its router's softmax in
what they cast to). Blocks follow from the linear congruence of gguf_blocks.py, all other weights from the names of the
tensors by the formula of decoder_options.py; the test repeats both: only the configuration, shapes and logits are written.

    pip install torch transformers==5.24.0
    python tooling/golden/mxfp4.py      writes packages/models/golden/mxfp4.json
"""

import json
import math
from pathlib import Path

import torch
import transformers
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

OUT = Path(__file__).parents[2] / "packages" / "models" / "golden" / "mxfp4.json"
IDS = [3, 17, 8, 29, 11, 2, 23]
X, E, F = 3, 64, 32


def values(name, shape):
    """Gains around 1, biases around 0, projections of a size that keeps the stream; float32 numbers."""
    size = math.prod(shape)
    i = torch.arange(size, dtype=torch.float64)
    phase = sum((k + 1) * ord(c) for k, c in enumerate(name)) % 997
    wave = torch.sin(phase + 0.37 * i * i + 0.11 * i)
    if len(shape) > 1:
        numbers = 1.8 * wave / math.sqrt(shape[1])
    else:
        numbers = (1 if name.endswith("weight") else 0) + 0.3 * wave
    return numbers.float().double().reshape(shape)


def random_bytes(count, seed):
    state, out = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append(state >> 24)
    return torch.tensor(out, dtype=torch.uint8)


def blocks_of(rows, columns, seed):
    """`[X, rows, columns / 32, 16]` of any numbers, and exponents around 2^-4."""
    groups = columns // 32
    blocks = random_bytes(X * rows * groups * 16, seed).reshape(X, rows, groups, 16)
    scales = 121 + (random_bytes(X * rows * groups, seed + 1) & 3).reshape(X, rows, groups)
    return blocks, scales


config = transformers.GptOssConfig(
    vocab_size=32, hidden_size=E, intermediate_size=F, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=16, num_local_experts=X, num_experts_per_tok=2, sliding_window=3, max_position_embeddings=64,
    rope_parameters={"rope_type": "default", "rope_theta": 500.0}, pad_token_id=None, eos_token_id=2, bos_token_id=None,
)  # fmt: skip
config._attn_implementation = "eager"
config._experts_implementation = "eager"
model = transformers.GptOssForCausalLM(config).double().eval()
tensors, packed = {}, {}
with torch.no_grad():
    for seed, (name, tensor) in enumerate(sorted(model.state_dict().items())):
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            columns, rows = tensor.shape[1:]
            blocks, scales = blocks_of(rows, columns, 10 * seed)
            tensor.copy_(convert_moe_packed_tensors(blocks, scales, dtype=torch.float64))
            packed[name] = {"seed": 10 * seed, "shape": list(blocks.shape)}
        else:
            tensor.copy_(values(name, tensor.shape))
            tensors[name] = list(tensor.shape)
    logits = model(torch.tensor([IDS])).logits[0]

saved = config.to_diff_dict() | {"model_type": "gpt_oss", "architectures": ["GptOssForCausalLM"]}
saved = {key: value for key, value in saved.items() if key != "transformers_version"}
saved["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}
record = {
    "source": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float64",
    "ids": IDS,
    "config": saved,
    "tensors": tensors,
    "packed": packed,
    "logits": [round(x, 7) for x in logits.flatten().tolist()],
}
OUT.write_text(json.dumps(record) + "\n")
