"""
Golden logits for the decoder families of @headwise/models with options that change what is computed, from
transformers' own modelling code in float64 (its norms and angles in float32). Weights follow from the names of the
tensors by a formula, which the test repeats: only configurations, shapes and logits are written.

    pip install torch transformers==5.24.0
    python tooling/golden/decoder_options.py      writes packages/models/golden/decoder-options.json
"""

import json
import math
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

OUT = Path(__file__).parents[2] / "packages" / "models" / "golden" / "decoder-options.json"
IDS = [3, 17, 8, 29, 11, 5, 23, 2, 14, 30, 9, 21, 6, 27, 12, 4, 19, 7]
TOKENS = 4


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


def case(title, family, **options):
    config = AutoConfig.for_model(family, vocab_size=32, **options)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").double().eval()
    tied = {name for name in model.state_dict() if name in ("lm_head.weight", "embed_out.weight") and config.tie_word_embeddings}
    tensors = {name: tensor for name, tensor in model.state_dict().items() if name not in tied}
    # gpt_neox is saved with its head under the old name
    stored = {("embed_out.weight" if family == "gpt_neox" and name == "lm_head.weight" else name): name for name in tensors}
    with torch.no_grad():
        for file, name in stored.items():
            tensors[name].copy_(values(file, tensors[name].shape))
        logits = model(torch.tensor([IDS]), use_cache=False).logits[0, -TOKENS:]
    saved = config.to_diff_dict() | {"model_type": family, "vocab_size": 32}
    saved = {key: value for key, value in saved.items() if key != "transformers_version"}
    return {
        "name": title,
        "config": saved,
        "tensors": {file: list(tensors[name].shape) for file, name in stored.items()},
        "logits": [[round(x, 7) for x in row] for row in logits.tolist()],
    }


def rope(kind, theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


small = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0)
gpt2 = dict(n_embd=12, n_head=3, n_layer=2, n_positions=24, bos_token_id=1, eos_token_id=2)
neox = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20, max_position_embeddings=64)
yarn = rope("yarn", factor=4.0, original_max_position_embeddings=16)

cases = [
    case("gpt2: untied, a scale by layer, exact gelu, another inner width", "gpt2", **gpt2, tie_word_embeddings=False, scale_attn_by_inverse_layer_idx=True, activation_function="gelu", n_inner=20),
    case("gpt2: unscaled scores, silu", "gpt2", **gpt2, scale_attn_weights=False, activation_function="silu"),
    case("gpt_neox: one part after the other, no biases of attention, linear positions, tied", "gpt_neox", **neox, use_parallel_residual=False, attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_fast", rope_parameters=rope("linear", factor=2.0, partial_rotary_factor=0.5)),
    case("llama: yarn, biases, heads of their own width", "llama", **small, attention_bias=True, mlp_bias=True, head_dim=6, rope_parameters=yarn),
    case("llama: linear positions, gelu", "llama", **small, hidden_act="gelu", rope_parameters=rope("linear", factor=2.5)),
    case("llama: dynamic NTK, past its length", "llama", **{**small, "max_position_embeddings": 10}, rope_parameters=rope("dynamic", factor=2.0)),
    case("mistral: no window, heads of their own width, tied", "mistral", **small, sliding_window=None, head_dim=6, tie_word_embeddings=True),
    case("qwen2: a window from the second layer on, yarn", "qwen2", **small, use_sliding_window=True, sliding_window=5, max_window_layers=1, rope_parameters=yarn),
    case("qwen3: biases, a window, tied", "qwen3", **small, head_dim=6, attention_bias=True, use_sliding_window=True, sliding_window=5, max_window_layers=1, tie_word_embeddings=True),
    case("phi3: longrope, short, on a share of the head, tied", "phi3", **small, original_max_position_embeddings=32, tie_word_embeddings=True, rope_parameters=rope("longrope", partial_rotary_factor=0.5, short_factor=[1.3], long_factor=[4.0])),
    case("phi3: longrope past its length, over a window", "phi3", **small, original_max_position_embeddings=12, sliding_window=5, rope_parameters=rope("longrope", partial_rotary_factor=1.0, short_factor=[1.0, 1.2], long_factor=[1.5, 6.0])),
    case("smollm3: biases, windows where there are no positions, untied", "smollm3", **small, attention_bias=True, mlp_bias=True, use_sliding_window=True, sliding_window=5, no_rope_layer_interval=2, tie_word_embeddings=False),
    case("olmo2: biases, tied", "olmo2", **small, attention_bias=True, tie_word_embeddings=True),
    case("cohere2: biases, untied, another period", "cohere2", **{**small, "num_hidden_layers": 3}, attention_bias=True, tie_word_embeddings=False, sliding_window=5, sliding_window_pattern=3, logit_scale=0.5),
]

OUT.parent.mkdir(exist_ok=True)
source = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float64"
body = ",\n".join(json.dumps(one) for one in cases)
OUT.write_text(f'{{"source": {json.dumps(source)}, "ids": {json.dumps(IDS)}, "cases": [\n{body}\n]}}\n')
