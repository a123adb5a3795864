"""
What Hugging Face transformers makes of configurations, for `fromConfig` of @headwise/positional: the inverse
frequencies and the attention factor of every layer type, and which layers turn at all.

    pip install torch transformers
    python tooling/golden/positional_config.py      writes packages/positional/golden/config.json

transformers computes in float32: compare with a relative tolerance of 1e-5.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

TARGET = Path(__file__).parents[2] / "packages" / "positional" / "golden" / "config.json"

SMALL = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 4}
LAYERS = ["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"]
FOUR = [1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0]

CONFIGS = [
    ("Llama 1, nothing said", {"model_type": "llama", **SMALL}),
    ("Llama 2 by 2, old spelling", {"model_type": "llama", **SMALL, "rope_theta": 20000.0, "rope_scaling": {"type": "linear", "factor": 2.0}}),
    (
        "Llama 3.1, old spelling",
        {
            "model_type": "llama",
            **SMALL,
            "rope_theta": 500000.0,
            "max_position_embeddings": 131072,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
    ),
    (
        "Llama 3.1, new spelling, head_dim of its own",
        {
            "model_type": "llama",
            **SMALL,
            "head_dim": 32,
            "max_position_embeddings": 131072,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
    ),
    ("dynamic NTK", {"model_type": "llama", **SMALL, "max_position_embeddings": 2048, "rope_scaling": {"type": "dynamic", "factor": 4.0}}),
    ("Qwen2, YaRN", {"model_type": "qwen2", **SMALL, "rope_theta": 1000000.0, "max_position_embeddings": 32768, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}),
    (
        "DeepSeek-V3, YaRN on the rotary part alone",
        {
            "model_type": "deepseek_v3",
            **SMALL,
            "num_key_value_heads": 4,
            "qk_rope_head_dim": 16,
            "qk_nope_head_dim": 32,
            "rope_theta": 10000,
            "max_position_embeddings": 163840,
            "rope_scaling": {
                "type": "yarn",
                "factor": 40,
                "original_max_position_embeddings": 4096,
                "beta_fast": 32,
                "beta_slow": 1,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
            },
        },
    ),
    (
        "gpt-oss",
        {
            "model_type": "gpt_oss",
            **SMALL,
            "head_dim": 64,
            "rope_theta": 150000,
            "max_position_embeddings": 131072,
            "rope_scaling": {
                "rope_type": "yarn",
                "factor": 32.0,
                "beta_fast": 32.0,
                "beta_slow": 1.0,
                "truncate": False,
                "original_max_position_embeddings": 4096,
            },
        },
    ),
    (
        "Phi-3, lists of factors",
        {
            "model_type": "phi3",
            **SMALL,
            "rope_theta": 10000.0,
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "longrope", "short_factor": FOUR, "long_factor": [2 * x for x in FOUR]},
        },
    ),
    ("Phi-2, part of a head", {"model_type": "phi", **SMALL, "partial_rotary_factor": 0.5}),
    ("GPT-NeoX, its own names", {"model_type": "gpt_neox", "hidden_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2, "rotary_pct": 0.25, "rotary_emb_base": 25000}),
    ("StableLM, the family's share", {"model_type": "stablelm", **SMALL, "head_dim": None}),
    ("Gemma 3, as first published", {"model_type": "gemma3_text", **SMALL, "num_hidden_layers": 6, "head_dim": 32, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "sliding_window_pattern": 6, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
    (
        "Gemma 3, one dictionary a layer type",
        {
            "model_type": "gemma3_text",
            **SMALL,
            "head_dim": 32,
            "layer_types": LAYERS,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        },
    ),
    ("ModernBERT", {"model_type": "modernbert", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 6, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0, "global_attn_every_n_layers": 3}),
    ("SmolLM3, every fourth layer unturned", {"model_type": "smollm3", **SMALL, "rope_theta": 5000000.0}),
    ("SmolLM3, marks", {"model_type": "smollm3", **SMALL, "no_rope_layers": [1, 0, 0, 1]}),
    ("Cohere 2, the sliding layers alone", {"model_type": "cohere2", **SMALL, "rope_theta": 50000, "sliding_window_pattern": 4}),
    ("Mixtral, the family's base", {"model_type": "mixtral", **SMALL, "num_hidden_layers": 2}),
    ("GLM 4, the family's share", {"model_type": "glm4", **SMALL, "head_dim": 16}),
]


def plain(config, parameters):
    """transformers leaves `default` to each model; every one has this."""
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    dim = int(head_dim * parameters.get("partial_rotary_factor", 1.0))
    return 1.0 / (parameters["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float) / dim)), 1.0


def angles(config, layer_type, parameters, length=None):
    kind = parameters["rope_type"]
    if kind == "default":
        f, factor = plain(config, parameters)
    else:
        f, factor = ROPE_INIT_FUNCTIONS[kind](config, "cpu", seq_len=length, layer_type=layer_type)
    return {"inverseFrequencies": [float(f"{x:.8g}") for x in f.tolist()], "attentionFactor": factor}


def turned_layers(config):
    if getattr(config, "no_rope_layers", None):
        return [bool(mark) for mark in config.no_rope_layers]
    if config.model_type == "cohere2":
        return [kind == "sliding_attention" for kind in config.layer_types]
    return [True] * config.num_hidden_layers


cases = []
for name, fields in CONFIGS:
    given = {key: value for key, value in fields.items() if value is not None}
    config = AutoConfig.for_model(**json.loads(json.dumps(given)))
    types = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    parameters = config.rope_parameters
    nested = [key for key in parameters if isinstance(parameters[key], dict)]
    byType = {}
    for kind in sorted(set(types)):
        own, layer_type = (parameters[kind], kind) if nested else (parameters, None)
        byType[kind] = angles(config, layer_type, own)
        if own["rope_type"] in ("dynamic", "longrope"):
            byType[kind]["atLength"] = {"length": 50000, **angles(config, layer_type, own, 50000)}
    cases.append({"name": name, "config": given, "types": types, "turns": turned_layers(config), "byType": byType})

source = f"tooling/golden/positional_config.py, transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float32"
text = json.dumps({"source": source, "cases": cases})
TARGET.write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")
print(f"config: {len(cases)} cases")
