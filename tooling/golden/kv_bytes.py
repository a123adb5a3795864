"""
What the caches of transformers hold for published models with mixed layers: the shapes of each layer's kind from the model's
configuration, cut as its cache cuts them. No weights are made: a cache is filled with zeros of the right shapes.

    pip install torch transformers==5.24.0
    python tooling/golden/kv_bytes.py      writes packages/models/golden/kv-bytes.json
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import DynamicCache
from transformers.models.gemma3.configuration_gemma3 import Gemma3TextConfig
from transformers.models.gemma3n.configuration_gemma3n import Gemma3nTextConfig
from transformers.models.llama4.configuration_llama4 import Llama4TextConfig

OUT = Path(__file__).parents[2] / "packages" / "models" / "golden" / "kv-bytes.json"
TOKENS = [1024, 8192, 32768]


def numbers(config, tokens):
    """Of keys and values, after a prompt of so many tokens and one more."""
    cache = DynamicCache(config=config)
    shared = getattr(config, "num_kv_shared_layers", 0) or 0
    heads, width = config.num_key_value_heads, config.head_dim
    for layer in range(config.num_hidden_layers - shared):
        for count in (tokens - 1, 1):
            zeros = torch.zeros(1, heads, count, width, dtype=torch.int8, device="meta")
            cache.update(zeros, zeros, layer)
    return sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers if getattr(layer, "keys", None) is not None)


def main():
    models = {
        "Gemma 3 27B": Gemma3TextConfig(num_hidden_layers=62, num_attention_heads=32, num_key_value_heads=16, head_dim=128, hidden_size=5376, sliding_window=1024),
        "Gemma 3n E4B": Gemma3nTextConfig(),
        "Llama 4 Scout": Llama4TextConfig(),
    }
    found = {}
    for name, config in models.items():
        found[name] = {
            "layer_types": config.layer_types, "kv_heads": config.num_key_value_heads, "width": config.head_dim,
            "shared": getattr(config, "num_kv_shared_layers", 0) or 0,
            "window": config.sliding_window if hasattr(config, "sliding_window") and config.sliding_window else config.attention_chunk_size,
            "numbers": {str(tokens): numbers(config, tokens) for tokens in TOKENS},
        }
        print(name, found[name]["numbers"], found[name]["layer_types"][:6], found[name]["window"])
    source = f"tooling/golden/kv_bytes.py: transformers {transformers.__version__}"
    OUT.write_text(json.dumps({"source": source, "models": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
